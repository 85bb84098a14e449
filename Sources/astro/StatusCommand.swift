import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroRunner
import Glibc

struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "The runners, what runs, what waits and why; or one run with its tasks.",
    discussion: """
      Reads only: no file of the spool is claimed or leased, no runner is disturbed. Exit code 66 when there is no such \
      run, or when several begin like the one that was asked for.
      """)
  @OptionGroup var home: HomeOption
  @OptionGroup var output: JSONOption
  @Flag(name: .shortAndLong, help: "Show it again every second, until Ctrl-C.") var watch = false
  @Argument(help: "A run: its identifier, the start of it, or @latest.") var name: String?

  func run() throws {
    // Before anything that might start a thread: it would take the signals instead.
    let signals = watch ? SignalInbox() : nil
    let site = try home.open()
    guard let signals else { return Output.text(try frame(site)) }
    try Screen.refresh(until: signals) { try frame(site) }
    throw AstroCore.ExitCode.interrupted
  }

  private func frame(_ site: Site) throws -> String {
    guard let name else {
      let report = try site.report()
      return output.json ? Output.jsonText { report.write(to: &$0) } : report.text
    }
    switch try site.find(name) {
    case .run(let id): return try show(id, site)
    case .waiting(let id): return try show(waiting: id, site)
    }
  }

  private func show(_ id: WorkflowID, _ site: Site) throws -> String {
    guard let report = try site.read({ try RunReport(wholeOf: id, in: $0, runs: site.home.runs) })?.flatMap({ $0 })
    else { throw Failure(.notFound, subject: id.text, message: "no such run") }
    return output.json ? String(decoding: report.json, as: UTF8.self) : report.text(at: site.clock.now().wall)
  }

  /// A file that `astro submit` placed and no runner has taken.
  private func show(waiting id: WorkflowID, _ site: Site) throws -> String {
    guard let file = try site.report().waiting.first(where: { $0.submission == id }) else {
      throw Failure(.notFound, subject: id.text, message: "was submitted, but its file is not in the spool any more")
    }
    guard !output.json else { return Output.jsonText { file.write(to: &$0) } }
    return "\(id) waits in the spool: \(Terminal.printable(file.hold.text(at: site.clock.now().wall)))\n"
  }
}
