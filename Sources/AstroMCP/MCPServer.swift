public import AstroCore

/// A server for the tasks of one run: started when the first of them needs it, and again for the next call when it has died.
public actor MCPServer {
  public nonisolated let settings: ServerSettings
  private let opening: ServerOpening
  private let clock: any AstroCore.Clock

  private typealias Waiter = CheckedContinuation<Result<MCPSession, MCPFailure>, Never>

  private enum State {
    case stopped
    case starting(Task<Void, Never>, [UInt64: Waiter])
    case running(MCPSession)
    /// For good; the task is over when nothing of it is left.
    case closed(Task<Void, Never>)
  }

  private var state = State.stopped
  private var nextWaiter: UInt64 = 0

  /// - Parameters:
  ///   - program: made anew for each start.
  ///   - memory: of the eras of commands, shared by all servers.
  public init(
    _ settings: ServerSettings, program: @escaping @Sendable () async throws(Failure) -> ServerProgram,
    launcher: any ServerLauncher, memory: EraMemory, clock: any AstroCore.Clock,
    sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
  ) {
    self.settings = settings
    self.clock = clock
    opening = ServerOpening(
      settings: settings, program: program, launcher: launcher, memory: memory, sleep: sleep)
  }

  /// Starts it, unless it runs.
  public func open() async throws(MCPFailure) { _ = try await session() }

  /// The tools it offers.
  public func tools() async throws(MCPFailure) -> [MCPTool] {
    let clock = clock
    return try await withSession { session throws(MCPFailure) in
      try await session.tools(within: self.settings.callTimeout, now: { clock.now() })
    }
  }

  /// Calls a tool.
  /// - Parameters:
  ///   - limit: at most; `nil` is what the server's settings say.
  ///   - secrets: what is secret of the task that calls, and must not be told by what comes back.
  public func call(
    _ tool: String, arguments: JSONValue, within limit: Duration? = nil, hiding secrets: [String] = []
  ) async throws(MCPFailure) -> ToolAnswer {
    try await withSession { session throws(MCPFailure) in
      session.hide(secrets)
      return try await session.callTool(tool, arguments, within: limit ?? self.settings.callTimeout)
    }
  }

  /// Ends it, and what it serves; returns when nothing of it is left. It does not start again.
  public func stop() async {
    let end: Task<Void, Never>
    switch state {
    case .closed(let known): end = known
    // Outside every task, these: whoever stops it may be cancelled, and others wait for the same end.
    case .stopped: end = Task {}
    case .running(let session): end = Task { await session.stop() }
    case .starting(let task, let waiters):
      task.cancel()
      for waiter in waiters.values {
        waiter.resume(returning: .failure(MCPFailure(.broken, settings.name, "is being stopped")))
      }
      end = Task { await task.value }
    }
    state = .closed(end)
    await end.value
  }

  private func withSession<Value: Sendable>(
    _ body: (MCPSession) async throws(MCPFailure) -> Value
  ) async throws(MCPFailure) -> Value {
    let session = try await session()
    do throws(MCPFailure) { return try await body(session) } catch {
      // What is left of it must not stay beside the next one. One that is being stopped is given its time.
      if let broken = session.connection.broken, broken != .closed { await discard(session) }
      throw error
    }
  }

  private func discard(_ session: MCPSession) async {
    if case .running(let current) = state, current === session { state = .stopped }
    await session.kill()
  }

  // MARK: Starting

  private func session() async throws(MCPFailure) -> MCPSession {
    if case .running(let session) = state {
      if session.connection.broken == nil { return session }
      await discard(session)
    }
    if case .stopped = state {
      // Outside every task: whoever came first may be cancelled while others wait for the same start. The last of them to
      // leave cancels it.
      let task = Task { await self.start() }
      state = .starting(task, [:])
    }
    nextWaiter += 1
    let token = nextWaiter
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { wait(as: token, $0) }
    } onCancel: {
      // Outside the task that is cancelled; it does no more than leave the queue.
      Task { await self.leave(token) }
    }
    return try result.get()
  }

  private func wait(as token: UInt64, _ waiter: Waiter) {
    if Task.isCancelled { return waiter.resume(returning: .failure(cancelled)) }
    switch state {
    case .starting(let task, var waiters):
      waiters[token] = waiter
      state = .starting(task, waiters)
    case .running(let session): waiter.resume(returning: .success(session))
    case .stopped, .closed:
      waiter.resume(returning: .failure(MCPFailure(.broken, settings.name, "is being stopped")))
    }
  }

  private var cancelled: MCPFailure {
    MCPFailure(.cancelled, settings.name, "was being started when the task was cancelled")
  }

  private func leave(_ token: UInt64) {
    guard case .starting(let task, var waiters) = state, let waiter = waiters.removeValue(forKey: token) else { return }
    state = .starting(task, waiters)
    if waiters.isEmpty { task.cancel() }
    waiter.resume(returning: .failure(cancelled))
  }

  private func start() async {
    let result: Result<MCPSession, MCPFailure>
    do throws(MCPFailure) { result = .success(try await opening.open()) } catch { result = .failure(error) }
    guard case .starting(_, let waiters) = state else {
      if case .success(let session) = result { await session.kill() }
      return
    }
    switch result {
    case .success(let session): state = .running(session)
    case .failure(let failure) where failure.kind == .cancelled && !waiters.isEmpty:
      // They came when those it was cancelled for had left.
      state = .starting(Task { await self.start() }, waiters)
      return
    case .failure: state = .stopped
    }
    for waiter in waiters.values { waiter.resume(returning: result) }
  }
}
