import ArgumentParser
import AstroAgents
import AstroCore
import AstroWorkflow

struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema", abstract: "Print the JSON Schema of workflow files, for editors.",
    discussion: """
      Draft 2020-12. For the YAML language server, put this line at the top of a workflow file, after \
      astro schema > workflow.schema.json:

        # yaml-language-server: $schema=workflow.schema.json

      --exec prints that of the exchange with programs of agents of type exec instead.
      """)
  @Flag(help: "What programs of agents of type exec read and write.")
  var exec = false

  func run() {
    guard exec else { return Output.bytes(Array(WorkflowSchema.json.utf8)) }
    Output.json { $0.value(ExecSchema.document) }
  }
}
