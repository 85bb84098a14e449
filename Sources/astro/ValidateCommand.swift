import ArgumentParser
import AstroCore
import AstroWorkflow

struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate", abstract: "Check workflow files; all errors at once.")
  @Argument(help: "The files; - is stdin.") var files: [String]

  func run() throws {
    var isValid = true
    for file in files {
      let parsed = WorkflowParser.parse(try WorkflowFile.read(file), file: file)
      Message.show(parsed.diagnostics)
      if let plan = parsed.plan { Output.line("\(Terminal.printable(file)): valid, \(plan.tasks.count) tasks") }
      isValid = isValid && parsed.plan != nil
    }
    if !isValid { throw AstroCore.ExitCode.invalidWorkflow }
  }
}
