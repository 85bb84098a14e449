import ArgumentParser
import AstroCore
import AstroRunner
import Glibc

struct DrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drain", abstract: "Run what is in the spool, and leave when nothing more can start now.",
    discussion: """
      For cron. Overlaps safely with itself and with astro watch. Files that a limit or their not_before holds back stay \
      in the spool for the next pass; a retry's pause, and a copy that is still being written, are waited for up to 30 s. \
      Exit code 1 when a run failed, 130 when SIGTERM or Ctrl-C ended the pass early: tasks may finish \
      within --grace, a second signal leaves at once; whatever is not done then is taken over by the next pass.
      """)
  @OptionGroup var home: HomeOption
  @Option(help: "Start nothing more after this long; tasks may finish within --grace.") var maxTime: DurationArgument?
  @Option(help: "How long tasks may go on after a request to stop.") var grace = DurationArgument(.seconds(30))

  func run() throws {
    signal(SIGPIPE, SIG_IGN)
    let signals = SignalInbox()
    let site = try home.open()
    let (log, output) = try site.startLogging(console: .problems)
    let result = try site.runner(
      .drain(maxTime: maxTime?.value), grace: grace.value, signals: signals, log: log, output
    ).run()
    if result.stop != .none { throw AstroCore.ExitCode.interrupted }
    if result.ended.values.contains(.failed) { throw AstroCore.ExitCode.runFailed }
  }
}
