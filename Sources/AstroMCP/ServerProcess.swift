public import AstroCore
public import AstroProcess

/// A server that runs.
public protocol ServerProcess: Sendable {
  var stream: any ByteStream { get }
  /// Reads what it prints for people until that ends, and keeps the end of it.
  func hear() async
  /// The last line it printed for people; empty when it has printed none.
  var lastWords: String { get }
  /// Returns when nothing of it is left, or the task that asks is cancelled.
  /// - Returns: how it ended, in words; `nil` where that is not known.
  func ended() async -> String?
  func terminate()
  func kill()
}

/// Starts servers.
public protocol ServerLauncher: Sendable {
  func launch(_ program: KeptProgram) async throws(Failure) -> any ServerProcess
}

/// Starts them under keepers: none outlives the runner, or leaves anything behind.
public struct KeptServerLauncher: ServerLauncher {
  private let keeper: KeeperCommand
  private let reactor: PipeReactor

  public init(keeper: KeeperCommand, reactor: PipeReactor) {
    self.keeper = keeper
    self.reactor = reactor
  }

  public func launch(_ program: KeptProgram) async throws(Failure) -> any ServerProcess {
    KeptServer(try await KeptProcess.start(program, keeper: keeper, reactor: reactor))
  }
}
