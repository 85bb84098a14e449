public import AstroCore
import AstroProcess

/// Any program that reads one JSON request on standard input and writes one JSON result on standard output, version 1 of
/// ``ExecProtocol``.
public struct ExecAgent: ProgramAgent {
  private let command: [String]
  public let variables: [SecretVariable]

  /// - Parameter command: the program and its arguments.
  public init(command: [String], variables: [SecretVariable] = []) {
    self.command = command
    self.variables = variables
  }

  public func process(for request: ProgramRequest) throws(Failure) -> ProgramProcess {
    ProgramProcess(command, environment: request.environment, input: ExecProtocol.request(for: request))
  }

  public func read(
    _ end: inout AttemptEnding, _ files: AttemptFiles, promise: AttemptPromise
  ) throws(Failure) {
    // One that failed has said so by its exit code, whatever it printed before.
    guard end.outcome == .exited(0) else { return }
    let printed = try files.printed(omitted: end.omitted.stdout)
    do throws(MalformedResult) {
      let result = try ExecProtocol.result(in: try PrintedLine.lines(of: try printed.get()))
      switch result.status {
      case .failed: end.outcome = .performed(.toolError, result.reason)
      case .succeeded:
        try result.requirePromised(promise.outputs)
        end.outputs = result.outputs
      }
    } catch {
      end.outcome = .invalidOutput(error.message)
    }
  }
}
