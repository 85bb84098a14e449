import AstroCore

extension RunState {
  /// The exit code of a command that ran it to this end.
  var exitCode: AstroCore.ExitCode {
    switch self {
    case .succeeded, .partial, .duplicate: .ok
    case .failed, .rejected, .cancelled: .runFailed
    case .queued, .running, .held: .tryLater
    }
  }
}
