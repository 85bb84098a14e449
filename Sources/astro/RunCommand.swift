import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroRunner
import Glibc

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run one file now, in the foreground; its exit code is the run's.",
    discussion: """
      0 when it succeeded, 1 when it failed, 65 when the file is not valid, 66 when there is no such file, 75 when a \
      limit does not let it start now, or a budget not end. Ctrl-C cancels the run (130); a second one kills its tasks. Works beside astro \
      watch, which leaves it alone.
      """)
  @OptionGroup var home: HomeOption
  @OptionGroup var parameters: ParameterOptions
  @OptionGroup var output: JSONOption
  @Flag(name: .customLong("no-cache"), help: "Do everything anew, also what has a cached result.") var noCache = false
  @Flag(name: .shortAndLong, help: "No progress, only the result.") var quiet = false
  @Argument(help: "The workflow file; - is stdin.") var file: String

  func run() throws {
    signal(SIGPIPE, SIG_IGN)
    var given = try parameters.values()
    if noCache { given[RunOption.noCache] = "true" }
    // Before signals are held back: Ctrl-C must end a read from a terminal.
    let bytes = try WorkflowFile.read(file)
    let signals = SignalInbox()
    let site = try home.open()
    let (log, logOutput) = try site.startLogging(console: .none)
    let progress = quiet ? nil : Progress(site: site)
    let runner = try site.runner(
      .single, grace: .seconds(30), signals: signals, log: log, logOutput, observer: progress)
    let id: WorkflowID
    do {
      id = try runner.enter(bytes, file: file, params: given, warn: Message.show)
    } catch {
      runner.removeFiles()
      throw (error as? Runner.Obstacle)?.reported(site.configuration) ?? error
    }
    let result = try runner.run()
    let state = result.ended[id] ?? .running
    if state == .running, let held = try site.read({ try $0.run(id) }).flatMap({ $0 }), held.state == .held {
      Message.error("\(id) is \(Explanation.Cause.held(id, reason: held.reason).sentence(at: site.clock.now().wall))")
      throw AstroCore.ExitCode.tryLater
    }
    try show(id, state, site)
    if result.stop != .none, state != .succeeded { throw AstroCore.ExitCode.interrupted }
    if state.exitCode != .ok { throw state.exitCode }
  }

  private func show(_ id: WorkflowID, _ state: RunState, _ site: Site) throws {
    guard output.json else { return Output.line("\(id) \(state.rawValue)") }
    let report = try site.read { try RunReport(wholeOf: id, in: $0, runs: site.home.runs) }
    if let report = report.flatMap({ $0 }) { Output.bytes(report.json) }
  }
}

extension Runner.Obstacle {
  /// Says it on stderr and gives the exit code.
  func reported(_ configuration: Configuration) -> AstroCore.ExitCode {
    switch self {
    case .invalid(let diagnostics):
      Message.show(diagnostics)
      return .invalidWorkflow
    case .throttled(let verdict):
      let window =
        switch configuration.system.rateLimits[verdict.limiter] {
        case .window(_, let window): " in \(Notation.spell(window))"
        case .unlimited, nil: ""
        }
      // Rounded up: who comes back after the time that was named must not come too early.
      let wait = Duration.seconds((verdict.retryAfter.microseconds + 999_999) / 1_000_000)
      Message.error(
        "\(verdict.limiter) of \(verdict.key) is used up: \(verdict.limit)\(window); try again in \(Notation.spell(wait))"
      )
      return .tryLater
    }
  }
}
