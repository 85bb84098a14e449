import ArgumentParser
import AstroCore
import AstroRunner
import AstroTelemetry
import Glibc

struct DrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drain", abstract: "Run what is in the spool, and leave when nothing more can start now.",
    discussion: "For cron. Overlaps safely with itself and with astro watch. Exit code 1 when a run failed.")
  @OptionGroup var home: HomeOption
  @Option(help: "Start nothing more after this long.") var maxTime: DurationArgument?
  @Option(help: "How long tasks may go on after a request to stop.") var grace = DurationArgument(.seconds(30))

  func run() throws {
    signal(SIGPIPE, SIG_IGN)
    let signals = SignalInbox()
    let site = try home.open()
    let (log, output) = try site.startLogging(console: .problems)
    let result = try site.runner(
      .drain(maxTime: maxTime?.value), grace: grace.value, signals: signals, log: log, output
    ).run()
    if result.ended.values.contains(.failed) { throw AstroCore.ExitCode.runFailed }
  }
}
