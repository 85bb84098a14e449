public import AstroCore
import Synchronization

/// The servers of all runs: one for each command and run, shared by the run's tasks.
public final class MCPServers: Sendable {
  private struct Key: Hashable {
    let workflow: WorkflowID
    let settings: ServerSettings
  }

  private struct Entry {
    let server: MCPServer
    var users = 0
    /// Ends it when nobody has used it for a while.
    var idle: Task<Void, Never>?
  }

  /// How long a server that nobody uses is kept for the run's next task; it holds 50 MB and more.
  public static let idleTime = Duration.seconds(60)

  private let launcher: any ServerLauncher
  private let clock: any AstroCore.Clock
  private let sleep: @Sendable (Duration) async throws -> Void
  private let memory = EraMemory()
  private let state = Mutex(State())

  private struct State {
    var entries: [Key: Entry] = [:]
    /// Those that are being ended.
    var ending: [ObjectIdentifier: MCPServer] = [:]

    /// Takes one out, to be ended.
    mutating func remove(_ key: Key) -> MCPServer? {
      guard let entry = entries.removeValue(forKey: key) else { return nil }
      entry.idle?.cancel()
      ending[ObjectIdentifier(entry.server)] = entry.server
      return entry.server
    }
  }

  public init(
    launcher: any ServerLauncher, clock: any AstroCore.Clock,
    sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
  ) {
    self.launcher = launcher
    self.clock = clock
    self.sleep = sleep
  }

  /// A server that belongs to no run, and that nobody keeps: for looking whether it works.
  public func stray(
    _ settings: ServerSettings, program: @escaping @Sendable () async throws(Failure) -> ServerProgram
  ) -> MCPServer {
    MCPServer(settings, program: program, launcher: launcher, memory: memory, clock: clock, sleep: sleep)
  }

  /// The server of a run; ``release(_:of:)`` it after use.
  /// - Parameter program: of the task that asks; the first of a run is the one whose program is started.
  public func take(
    _ settings: ServerSettings, of workflow: WorkflowID,
    program: @escaping @Sendable () async throws(Failure) -> ServerProgram
  ) -> MCPServer {
    let key = Key(workflow: workflow, settings: settings)
    let server = stray(settings, program: program)
    return state.withLock { state in
      var entry = state.entries[key] ?? Entry(server: server)
      entry.idle?.cancel()
      entry.idle = nil
      entry.users += 1
      state.entries[key] = entry
      return entry.server
    }
  }

  public func release(_ settings: ServerSettings, of workflow: WorkflowID) {
    let key = Key(workflow: workflow, settings: settings)
    state.withLock { state in
      guard var entry = state.entries[key] else { return }
      entry.users -= 1
      // Outside every task: the one that used it last is over by then.
      if entry.users == 0 { entry.idle = Task { await self.endIdle(key) } }
      state.entries[key] = entry
    }
  }

  func hasServer(_ settings: ServerSettings, of workflow: WorkflowID) -> Bool {
    state.withLock { $0.entries[Key(workflow: workflow, settings: settings)] != nil }
  }

  private func endIdle(_ key: Key) async {
    do { try await sleep(Self.idleTime) } catch { return }
    let server = state.withLock { state -> MCPServer? in
      // Taken again between the end of the time and here.
      guard !Task.isCancelled, state.entries[key]?.users == 0 else { return nil }
      return state.remove(key)
    }
    if let server { await end([server]) }
  }

  /// The run is over: ends its servers, and returns when nothing of them is left.
  public func end(of workflow: WorkflowID) async { await end(take { $0.workflow == workflow }) }

  /// The same without waiting for it.
  public func beginEnd(of workflow: WorkflowID) {
    let servers = take { $0.workflow == workflow }
    // Outside every task: the run is over, and nothing waits for this but ``close()``.
    if !servers.isEmpty { Task { await end(servers) } }
  }

  /// Ends all, and returns when nothing of any is left.
  public func close() async {
    let servers = take { _ in true }
    await end(servers + state.withLock { Array($0.ending.values) })
  }

  /// Whether there is anything to be ended, or being so.
  public var isEmpty: Bool { state.withLock { $0.entries.isEmpty && $0.ending.isEmpty } }

  private func take(_ isMeant: (Key) -> Bool) -> [MCPServer] {
    state.withLock { state in state.entries.keys.filter(isMeant).compactMap { state.remove($0) } }
  }

  private func end(_ servers: [MCPServer]) async {
    await withTaskGroup { group in for server in servers { group.addTask { await server.stop() } } }
    state.withLock { state in for server in servers { state.ending[ObjectIdentifier(server)] = nil } }
  }
}
