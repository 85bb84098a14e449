import ArgumentParser
import AstroCore
import AstroRunner

struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan", abstract: "What a workflow would run, in which order, and the least time the limits allow.",
    discussion: """
      Tasks of one level wait for nothing of each other. Nothing is charged and nothing is recorded; the times assume \
      that no limit has been used yet and that every task runs, once. Exit code 65 when the file is not valid.
      """)
  @OptionGroup var home: HomeOption
  @OptionGroup var parameters: ParameterOptions
  @OptionGroup var output: JSONOption
  @Argument(help: "The workflow file; - is stdin.") var file: String

  func run() throws {
    let site = try home.open()
    let workflow: CheckedWorkflow
    do {
      workflow = try Examiner(site.configuration).check(
        try WorkflowFile.read(file), file: file, given: try parameters.values(), at: site.clock.now().wall)
    } catch let invalid as InvalidWorkflow {
      Message.show(invalid.diagnostics)
      throw AstroCore.ExitCode.invalidWorkflow
    }
    Message.show(workflow.warnings)
    let report = PlanReport(
      workflow, site.configuration, home: site.home, environment: site.environment)
    if output.json { Output.json { report.write(to: &$0) } } else { Output.text(report.text) }
  }
}
