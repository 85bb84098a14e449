import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroRunner
import Glibc

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
