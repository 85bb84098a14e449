import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroProcess
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

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run one file now, in the foreground; its exit code is the run's.")
  @OptionGroup var home: HomeOption
  @OptionGroup var parameters: ParameterOptions
  @OptionGroup var output: JSONOption
  @Flag(name: .shortAndLong, help: "No progress, only the result.") var quiet = false
  @Argument(help: "The workflow file.") var file: String

  func run() throws {
    signal(SIGPIPE, SIG_IGN)
    let signals = SignalInbox()
    let site = try home.open()
    let (log, logOutput) = try site.startLogging(console: .none)
    let bytes = try WorkflowFile.read(file)
    let progress = quiet ? nil : Progress(site: site)
    let runner = try site.runner(
      .single, grace: .seconds(30), signals: signals, log: log, logOutput, observer: progress)
    let id: WorkflowID
    do {
      id = try runner.enter(bytes, file: file, params: parameters.values())
    } catch let obstacle as Runner.Obstacle {
      throw obstacle.reported
    }
    let result = try runner.run()
    let state = result.ended[id] ?? .running
    if output.json {
      if let report = try site.read({ try RunReport(id, in: $0, runs: site.home.runs) })?.flatMap({ $0 }) {
        Output.bytes(report.json)
      }
    } else {
      Output.line("\(id) \(state.rawValue)")
    }
    switch state {
    case .succeeded, .partial, .duplicate: return
    case .cancelled: throw result.interrupted ? AstroCore.ExitCode.interrupted : .runFailed
    case .queued, .running, .held: throw result.interrupted ? AstroCore.ExitCode.interrupted : .tryLater
    case .failed, .rejected: throw AstroCore.ExitCode.runFailed
    }
  }
}

extension Site {
  func runner(
    _ mode: Runner.Mode, grace: Duration, signals: SignalInbox, log: Logger, _ output: LogOutput,
    observer: (any RunObserver)? = nil
  ) throws -> Runner {
    let options = Runner.Options(
      mode: mode, grace: grace, executable: Self.executable, environment: environment, version: Astro.version)
    return try Runner(
      home: home, configuration: configuration, options: options, bootID: bootID, signals: signals, log: log,
      logOutput: output, clock: clock, observer: observer)
  }
}

extension Runner.Obstacle {
  /// Says it on stderr and gives the exit code.
  var reported: AstroCore.ExitCode {
    switch self {
    case .invalid(let diagnostics):
      Message.show(diagnostics)
      return .invalidWorkflow
    case .throttled(let verdict):
      Message.error(
        "\(verdict.limiter) of \(verdict.key) is used up (\(verdict.limit)); next in \(Notation.spell(verdict.retryAfter))"
      )
      return .tryLater
    }
  }
}
