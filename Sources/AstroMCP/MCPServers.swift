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
  private let entries = Mutex<[Key: Entry]>([:])

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
    return entries.withLock { entries in
      var entry = entries[key] ?? Entry(server: server)
      entry.idle?.cancel()
      entry.idle = nil
      entry.users += 1
      entries[key] = entry
      return entry.server
    }
  }

  public func release(_ settings: ServerSettings, of workflow: WorkflowID) {
    let key = Key(workflow: workflow, settings: settings)
    entries.withLock { entries in
      guard var entry = entries[key] else { return }
      entry.users -= 1
      // Outside every task: the one that used it last is over by then.
      if entry.users == 0 { entry.idle = Task { await self.endIdle(key) } }
      entries[key] = entry
    }
  }

  func hasServer(_ settings: ServerSettings, of workflow: WorkflowID) -> Bool {
    entries.withLock { $0[Key(workflow: workflow, settings: settings)] != nil }
  }

  private func endIdle(_ key: Key) async {
    do { try await sleep(Self.idleTime) } catch { return }
    let server = entries.withLock { entries -> MCPServer? in
      // Taken again between the end of the time and here.
      guard !Task.isCancelled, let entry = entries[key], entry.users == 0 else { return nil }
      entries[key] = nil
      return entry.server
    }
    await server?.stop()
  }

  /// The run is over: ends its servers, and returns when nothing of them is left.
  public func end(of workflow: WorkflowID) async { await end { $0.workflow == workflow } }

  /// Ends all.
  public func close() async { await end { _ in true } }

  private func end(_ isMeant: (Key) -> Bool) async {
    let ended = entries.withLock { entries in
      let ended = entries.filter { isMeant($0.key) }
      for key in ended.keys { entries[key] = nil }
      return ended.values.map { $0 }
    }
    await withTaskGroup { group in
      for entry in ended {
        entry.idle?.cancel()
        group.addTask { await entry.server.stop() }
      }
    }
  }
}
