import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroRunner
import AstroTelemetry
import Glibc
import Logging

struct WatchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch", abstract: "Stay, and run files as they land in the spool.",
    discussion: "SIGTERM or Ctrl-C: take no more files, let tasks finish within --grace, leave. A second one: at once.")
  @OptionGroup var home: HomeOption
  @Option(help: "How long tasks may go on after a request to stop.") var grace = DurationArgument(.seconds(30))

  func run() throws {
    signal(SIGPIPE, SIG_IGN)
    let signals = SignalInbox()
    let site = try home.open()
    let (log, output) = try site.startLogging(console: .everything)
    log.info("Watching", metadata: ["spool": .string(site.home.spool)])
    while true {
      do {
        _ = try site.runner(.watch, grace: grace.value, signals: signals, log: log, output).run()
        return
      } catch let failure as Failure where failure.isPassing {
        // Out of room, or a dead warden: this runner is thrown away, the next one goes on from the journal.
        log.error("Runner stopped, starting again", error: failure)
        if waitForSignal(signals, upTo: .seconds(2)) { return }
      }
    }
  }

  private func waitForSignal(_ signals: SignalInbox, upTo pause: Duration) -> Bool {
    var entry = pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, Int32(pause.microseconds / 1000)) > 0
  }
}

extension Failure {
  /// Whether a fresh runner may succeed where this one failed, without anybody's help but time's.
  fileprivate var isPassing: Bool { code == .noSpace || code == .unavailable || code == .cannotCreate }
}
