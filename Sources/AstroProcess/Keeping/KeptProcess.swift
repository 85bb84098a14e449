public import AstroCore
import CLinux
import Glibc
import Synchronization

/// A program under a ``Keeper``: its streams, its end, and the means to end it. It is kept until it has ended, whoever lets
/// go of it: somebody has to ``kill()`` it or see its end.
public final class KeptProcess: Sendable {
  public let input: PipeWriter
  public let output: PipeReader
  public let errors: PipeReader
  private let keeper: Int32
  private let reactor: PipeReactor
  private let state: Mutex<State>

  enum Phase {
    case starting
    case refused(SpawnFailure)
    /// Its keeper was killed before it could say anything.
    case never
    case running
    /// What it has left running is being killed.
    case ended(WaitStatus)
    /// Nothing of it is left. `nil`: its keeper was killed before it could say how it ended.
    case over(WaitStatus?)

    var isOver: Bool { if case .over = self { true } else { false } }
    var isStarting: Bool { if case .starting = self { true } else { false } }
  }

  private struct State: ~Copyable {
    var phase = Phase.starting
    var socket: SocketStream
    var waiting: [UInt64: CheckedContinuation<Void, Never>] = [:]
    var next: UInt64 = 0
  }

  /// Starts a program, and returns when it runs.
  /// - Throws: `not_found` where the program or the directory is at fault, `unavailable` where the machine is.
  public static func start(
    _ program: KeptProgram, keeper: KeeperCommand, reactor: PipeReactor
  ) async throws(Failure) -> KeptProcess {
    // Away from the threads that tasks run on: posix_spawn(3) returns when the keeper's image is loaded.
    let ends: Result<KeeperCommand.Ends, Failure> = await withCheckedContinuation { continuation in
      reactor.perform {
        continuation.resume(returning: Result { () throws(Failure) in try keeper.spawn(program) })
      }
    }
    let process = KeptProcess(try ends.get(), reactor)
    process.listen()
    await process.wait { !$0.isStarting }
    switch process.state.withLock({ $0.phase }) {
    case .running, .ended, .over: return process
    case .refused(let failure): throw failure.told(of: program)
    case .never: throw Failure(.unavailable, subject: program.arguments[0], message: "its keeper was killed")
    case .starting:
      process.kill()
      throw Failure(.interrupted, subject: program.arguments[0], message: "cancelled while it was being started")
    }
  }

  private init(_ ends: KeeperCommand.Ends, _ reactor: PipeReactor) {
    self.reactor = reactor
    keeper = ends.keeper
    input = PipeWriter(owning: ends.input, reactor)
    output = PipeReader(owning: ends.output, reactor)
    errors = PipeReader(owning: ends.errors, reactor)
    state = Mutex(State(socket: SocketStream(owning: ends.socket)))
  }

  /// Returns when nothing of it is left, or the task that asks is cancelled.
  /// - Returns: how it ended; `nil` where that is not known.
  @discardableResult public func ended() async -> WaitStatus? {
    await wait { $0.isOver }
    return state.withLock { state in
      switch state.phase {
      case .ended(let status), .over(let status?): status
      case .starting, .refused, .never, .running, .over(nil): nil
      }
    }
  }

  /// Whether nothing of it is left.
  public var isOver: Bool { state.withLock { $0.phase.isOver } }

  /// SIGTERM to the program and its group.
  public func terminate() {
    state.withLock { state in
      state.socket.write { $0 += KeeperOrder.terminate.utf8 }
      _ = state.socket.send()
    }
  }

  /// SIGKILL to it and to all that it has started.
  public func kill() { state.withLock { $0.socket.endSending() } }

  // MARK: What the keeper says

  /// On the reactor's thread, until the keeper is gone.
  private func listen() {
    let number = state.withLock { $0.socket.number }
    _ = reactor.watch(number, Int16(POLLIN)) { [self] in if hear() { listen() } }
  }

  /// - Returns: false when the keeper is gone.
  private func hear() -> Bool {
    let hasEnded = state.withLock { state in
      let arrival = state.socket.receive()
      while let line = state.socket.takeLine() { Self.take(line, &state.phase) }
      if case .ended = arrival { return true }
      return false
    }
    if hasEnded {
      // Its end of the socket closes as it exits: this does not wait. First, so that who is told that nothing is left finds
      // no keeper either.
      while waitpid(keeper, nil, 0) < 0, errno == EINTR {}
    }
    let waiting = state.withLock { state in
      if hasEnded { Self.end(&state.phase) }
      defer { state.waiting = [:] }
      return Array(state.waiting.values)
    }
    for continuation in waiting { continuation.resume() }
    return !hasEnded
  }

  private static func end(_ phase: inout Phase) {
    switch phase {
    case .ended(let status): phase = .over(status)
    case .running: phase = .over(nil)
    case .starting: phase = .never
    case .refused, .never, .over: break
    }
  }

  private static func take(_ line: ArraySlice<UInt8>, _ phase: inout Phase) {
    switch KeeperReport(line) {
    case .started: phase = .running
    case .failed(let failure): phase = .refused(failure)
    case .ended(let status): phase = .ended(status)
    case nil: break
    }
  }

  // MARK: Waiting

  /// Returns when the phase is one of those, or the task is cancelled.
  private func wait(until isReached: @Sendable (Phase) -> Bool) async {
    let token = state.withLock { state in
      state.next += 1
      return state.next
    }
    while !Task.isCancelled, !state.withLock({ isReached($0.phase) }) {
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          let mustWait = state.withLock { state in
            guard !isReached(state.phase) else { return false }
            state.waiting[token] = continuation
            return true
          }
          if !mustWait { continuation.resume() } else if Task.isCancelled { wake(token) }
        }
      } onCancel: {
        wake(token)
      }
    }
  }

  private func wake(_ token: UInt64) { state.withLock { $0.waiting.removeValue(forKey: token) }?.resume() }
}

extension SpawnFailure {
  /// In the words of the one who wrote the command. Looking again to say more would tell what the program's user may not
  /// see.
  func told(of program: KeptProgram) -> Failure {
    let name = program.arguments[0]
    let reason = kernelWords(errno)
    switch step {
    case .program where errno == ENOENT:
      return Failure(.notFound, subject: name, message: "no such program, or none that can run it")
    case .program: return Failure(.notFound, subject: name, message: "cannot be run", errno: errno, reason: reason)
    case .directory:
      return Failure(
        .notFound, subject: program.directory, message: "cannot be entered", errno: errno, reason: reason)
    case .account:
      let user = program.user.map { String($0.uid) } ?? "?"
      return Failure(.unavailable, subject: name, message: "cannot become user \(user)", errno: errno, reason: reason)
    default: return Failure(.unavailable, subject: name, message: "cannot be started", errno: errno, reason: reason)
    }
  }
}
