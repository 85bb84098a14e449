import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroRunner
import Glibc
import Logging

struct WatchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch", abstract: "Stay, and run files as they land in the spool.",
    discussion: """
      SIGTERM or Ctrl-C: take no more files, let tasks finish within --grace, leave with exit code 0; tasks that go on \
      longer are taken over by the next runner. A second signal: leave at once, exit code 130. SIGHUP: reopen the log \
      and read the configuration again; limits, agents, max_parallel_tasks and the log level change at once, a \
      configuration that is not valid is logged and the old one stays.
      """)
  @OptionGroup var home: HomeOption
  @Option(help: "How long tasks may go on after a request to stop.") var grace = DurationArgument(.seconds(30))

  func run() throws {
    signal(SIGPIPE, SIG_IGN)
    let signals = SignalInbox()
    let site = try home.open()
    let (log, output) = try site.startLogging(console: .everything)
    log.info("Watching", metadata: ["spool": .string(site.home.spool)])
    var current = site
    var pause = Self.shortestPause
    while true {
      var runner: Runner?
      let begun = site.clock.now().boot
      do {
        let fresh = try current.runner(.watch, grace: grace.value, signals: signals, log: log, output)
        runner = fresh
        if try fresh.run().stop == .atOnce { throw AstroCore.ExitCode.interrupted }
        return
      } catch let failure as Failure where failure.isPassing {
        switch runner?.stop ?? .none {
        case .none: if isStopped(signals, within: .zero) { throw failure }
        case .asked: throw failure
        case .atOnce: throw AstroCore.ExitCode.interrupted
        }
        runner = nil  // And with it its lock: others may take over what it had.
        // Out of room, or a dead warden: this runner is thrown away, the next one goes on from the journal.
        log.error("Runner stopped, starting again", error: failure)
        // What does not pass is tried, and said, ever more rarely.
        let lived = Duration.microseconds(site.clock.now().boot - begun)
        pause = lived > Self.longestPause ? Self.shortestPause : min(pause * 2, Self.longestPause)
        if isStopped(signals, within: pause) { return }
        current = current.reread()
      }
    }
  }

  private static let shortestPause = Duration.seconds(1)
  private static let longestPause = Duration.seconds(60)

  /// Waits for `pause`, or until a signal comes.
  /// - Returns: whether it asks to stop; SIGHUP only cuts the pause short, the configuration is read anew anyway.
  private func isStopped(_ signals: SignalInbox, within pause: Duration) -> Bool {
    var entry = pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0)
    poll(&entry, 1, Int32(pause.microseconds / 1000))
    return signals.take().contains(.stop)
  }
}

extension Failure {
  /// Whether a fresh runner may succeed where this one failed, without anybody's help but time's.
  fileprivate var isPassing: Bool {
    // Out of descriptors or memory, whatever it was that wanted some.
    if let errno, [EMFILE, ENFILE, ENOMEM].contains(errno) { return true }
    return code == .noSpace || code == .unavailable || code == .cannotCreate || code == .tryLater
  }
}
