import ArgumentParser
import AstroWorkflow

struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema", abstract: "Print the JSON Schema of workflow files, for editors.",
    discussion: """
      Draft 2020-12. For the YAML language server, put this line at the top of a workflow file, after \
      astro schema > workflow.schema.json:

        # yaml-language-server: $schema=workflow.schema.json
      """)

  func run() { Output.bytes(Array(WorkflowSchema.json.utf8)) }
}
