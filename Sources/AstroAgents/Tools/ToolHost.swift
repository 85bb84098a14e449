public import AstroCore
import AstroMCP
public import AstroProcess
import Dispatch
import Synchronization

/// Where the tools of attempts run: servers that the tasks of a run share, and commands. All of them end with the runner.
public final class ToolHost: Sendable {
  let pool: MCPServers
  let keeper: KeeperCommand
  let reactor: PipeReactor
  let sleep: @Sendable (Duration) async throws -> Void
  private let home: String
  private let runs: String
  private let environment: [String: String]
  private let accounts = Mutex(Accounts())
  private let configured: Mutex<[String: ToolServer]>

  /// - Parameters:
  ///   - runs: `data/runs`.
  ///   - environment: the runner's own; only `PATH HOME LANG TZ` are passed on.
  ///   - keeper: what every tool runs under.
  public init(
    servers: [String: ToolServer], home: String, runs: String, environment: [String: String], keeper: KeeperCommand,
    clock: any AstroCore.Clock,
    sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
  ) {
    configured = Mutex(servers)
    self.home = home
    self.runs = runs
    self.environment = environment
    self.keeper = keeper
    self.sleep = sleep
    reactor = PipeReactor()
    pool = MCPServers(launcher: KeptServerLauncher(keeper: keeper, reactor: reactor), clock: clock, sleep: sleep)
  }

  /// `mcp_servers` of the configuration, by name; may change while attempts use those there were.
  public var servers: [String: ToolServer] {
    get { configured.withLock { $0 } }
    set { configured.withLock { $0 = newValue } }
  }

  /// The run is over: ends its servers, and returns when nothing of them is left.
  public func end(of workflow: WorkflowID) async { await pool.end(of: workflow) }

  /// The same without waiting for it.
  public func beginEnd(of workflow: WorkflowID) { pool.beginEnd(of: workflow) }

  /// Ends every server.
  public func close() async { await pool.close() }

  /// The same from a thread that is nobody else's, which waits at most `patience`.
  public func close(patience: Duration) {
    if pool.isEmpty { return }
    let done = DispatchSemaphore(value: 0)
    // Outside every task: the thread that waits is none of those that tasks run on.
    Task {
      await pool.close()
      done.signal()
    }
    _ = done.wait(timeout: .now() + .microseconds(Int(patience.microseconds)))
  }

  // MARK: What is started

  /// A server of the pool, for an attempt; ``release(_:after:)`` it.
  func take(_ server: ToolServer, for request: PerformanceRequest) -> MCPServer {
    pool.take(server.settings, of: request.key.workflow) { () async throws(Failure) in
      try await self.program(server.settings.command, server.environment, for: request)
    }
  }

  func release(_ server: ToolServer, after request: PerformanceRequest) {
    pool.release(server.settings, of: request.key.workflow)
  }

  /// Whether a server starts and lists its tools: why not, in one sentence. As the runner's own user, in no run.
  func problem(of server: ToolServer) async -> String? {
    let stray = pool.stray(server.settings) { () async throws(Failure) in
      try await BlockingWork.run { () throws(Failure) in
        try self.program(server.settings.command, server.environment(), [:], in: "/", as: nil)
      }
    }
    do throws(MCPFailure) {
      _ = try await stray.tools()
      await stray.stop()
      return nil
    } catch {
      await stray.stop()
      return error.description
    }
  }

  /// A command that runs for an attempt: in the run's `files/`, as the run's user, with the variables by which
  /// ``ProcessTree`` finds it.
  func program(
    _ command: [String], _ environment: @escaping @Sendable () throws(Failure) -> ToolEnvironment,
    for request: PerformanceRequest
  ) async throws(Failure) -> ServerProgram {
    // Secrets are files, and accounts may be asked of a directory service.
    try await BlockingWork.run { () throws(Failure) in
      try self.program(command, environment(), for: request)
    }
  }

  private func program(
    _ command: [String], _ given: ToolEnvironment, for request: PerformanceRequest
  ) throws(Failure) -> ServerProgram {
    let marks = [
      "ASTRO_HOME": home, "ASTRO_WORKFLOW_ID": request.key.workflow.text, "ASTRO_TASK_ID": request.key.task,
      "ASTRO_ATTEMPT": String(request.key.number), "ASTRO_RUN_DIR": request.directory.files,
    ]
    let answer = accounts.withLock { $0.answer(for: request.user) }
    switch answer {
    case .own: return try program(command, given, marks, in: request.directory.files, as: nil)
    case .none(let reason):
      throw Failure(.unavailable, subject: command.first ?? "", message: "cannot run: \(reason)")
    case .other(let account):
      try AttemptFiles(request.key, in: request.directory).giveFiles(to: account.numbers, runs: runs)
      return try program(command, given, marks, in: request.directory.files, as: account)
    }
  }

  private func program(
    _ command: [String], _ given: ToolEnvironment, _ marks: [String: String], in directory: String,
    as account: Accounts.Account?
  ) throws(Failure) -> ServerProgram {
    var values = [
      "PATH": environment["PATH"] ?? CommandAgent.defaultPath,
      "HOME": account?.home ?? environment["HOME"] ?? "/",
      "LANG": environment["LANG"] ?? "C.UTF-8", "TZ": environment["TZ"] ?? ":/etc/localtime",
    ]
    values.merge(given.variables) { _, given in given }
    values.merge(marks) { _, mark in mark }
    var arguments = command
    // Another user's is looked for as that user, who may see less.
    if account == nil {
      let path = values["PATH"] ?? CommandAgent.defaultPath
      guard let name = command.first, let program = CommandAgent.resolve(name, path: path, from: directory) else {
        throw Failure(.notFound, subject: command.first ?? "", message: "no such program in PATH")
      }
      arguments[0] = program
    }
    let kept = KeptProgram(
      arguments: arguments, environment: values.map { "\($0.key)=\($0.value)" }.sorted(), directory: directory,
      user: account?.numbers)
    return ServerProgram(kept, secrets: given.secrets)
  }
}
