import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroRunner

struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "status", abstract: "One run, with its tasks.")
  @OptionGroup var home: HomeOption
  @OptionGroup var output: JSONOption
  @Argument(help: "A run: its identifier, the start of it, or @latest.") var name = "@latest"

  func run() throws {
    let site = try home.open()
    let id = try site.resolve(name)
    guard let report = try site.read({ try RunReport(id, in: $0, runs: site.home.runs) })?.flatMap({ $0 }) else {
      throw Failure(.notFound, subject: name, message: "no such run")
    }
    if output.json { return Output.bytes(report.json) }
    Output.line("\(id) \(report.run.state.rawValue)\(report.run.reason.map { ": \($0)" } ?? "")")
    Output.table(
      ["TASK", "STATE", "ATTEMPTS", "REASON"],
      report.tasks.map { [$0.task, $0.state.rawValue, String($0.attempts), $0.reason ?? ""] })
  }
}
