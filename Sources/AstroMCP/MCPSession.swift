import AstroCore
import AstroProcess
import Synchronization

/// One running server and the connection to it.
final class MCPSession: Sendable {
  let name: String
  let process: any ServerProcess
  let connection: JSONRPCConnection
  /// What it was given when it was started, and with calls since: whatever it says may repeat it.
  private let secrets: Mutex<[String]>
  private let sleep: @Sendable (Duration) async throws -> Void
  private let listening: Task<Void, Never>
  private let hearing: Task<Void, Never>
  private let lists: ToolLists
  private let spoken = Mutex(ProtocolEra.modern)

  /// How long a server is given to end by itself, and again after SIGTERM (MCP, lifecycle, shutdown).
  static let patience = Duration.seconds(2)

  init(
    _ name: String, _ process: any ServerProcess, secrets: [String],
    sleep: @escaping @Sendable (Duration) async throws -> Void
  ) {
    self.name = name
    self.process = process
    self.secrets = Mutex(secrets)
    self.sleep = sleep
    let lists = ToolLists()
    self.lists = lists
    let connection = JSONRPCConnection(process.stream, sleep: sleep) { method in
      if method == "notifications/tools/list_changed" { lists.forget() }
    }
    self.connection = connection
    // Outside every task, both: the server serves all the tasks of a run. They end with its streams.
    listening = Task { await connection.listen() }
    hearing = Task { await process.hear() }
  }

  /// Known once it is opened.
  var era: ProtocolEra {
    get { spoken.withLock { $0 } }
    set { spoken.withLock { $0 = newValue } }
  }

  // MARK: Calls

  /// Lets nothing of these be seen in what it says from now on.
  func hide(_ more: [String]) {
    secrets.withLock { known in known += more.filter { !known.contains($0) } }
  }

  func call(
    _ method: String, _ members: [String: JSONValue] = [:], within limit: Duration
  ) async throws(MCPFailure) -> JSONValue {
    do throws(JSONRPCFailure) {
      return try await connection.call(method, era.parameters(members), within: limit)
    } catch {
      throw await failure(error, of: method)
    }
  }

  /// The tools it offers; asked for again when the server says that they have changed, or that its answer is out of date.
  func tools(within limit: Duration, now: @Sendable () -> Moment) async throws(MCPFailure) -> [MCPTool] {
    if let tools = lists.current(at: now().boot) { return tools }
    let generation = lists.generation
    var tools: [MCPTool] = []
    var cursors: Set<String> = []
    var members: [String: JSONValue] = [:]
    var lifetime: Int64?
    repeat {
      let page: ToolPage
      do throws(MCPFailure) { page = ToolPage(try await call("tools/list", members, within: limit)) } catch {
        // A server may have other things to offer and no tools.
        guard tools.isEmpty, error.error?.code == JSONRPCError.methodNotFound else { throw error }
        return []
      }
      tools += page.tools
      lifetime = [lifetime, page.lifetime].compactMap(\.self).min()
      members["cursor"] = page.cursor.map { .string($0) }
      if let cursor = page.cursor, !cursors.insert(cursor).inserted || tools.count > Self.mostTools {
        throw MCPFailure(.refused, name, "lists its tools without end")
      }
    } while members["cursor"] != nil
    lists.keep(tools, generation, until: lifetime.map { now().boot + $0 * 1000 })
    return tools
  }

  private static let mostTools = 10_000

  /// Calls a tool.
  func callTool(
    _ tool: String, _ arguments: JSONValue, within limit: Duration
  ) async throws(MCPFailure) -> ToolAnswer {
    let result = try await call("tools/call", ["name": .string(tool), "arguments": arguments], within: limit)
    do throws(ToolAnswer.Malformed) {
      return try ToolAnswer(result).masked(secrets.withLock { $0 })
    } catch {
      switch error {
      case .needsInput:
        throw MCPFailure(
          .needsInput, name, "asks for input before '\(Terminal.printable(tool))' goes on, and there is nobody to ask")
      case .noContent: throw MCPFailure(.refused, name, "answers '\(Terminal.printable(tool))' without content")
      }
    }
  }

  // MARK: What went wrong

  private func failure(_ failure: JSONRPCFailure, of method: String) async -> MCPFailure {
    switch failure {
    case .error(let error):
      return MCPFailure(.refused, name, "refuses '\(method)': \(words(of: error))", error: error)
    case .timedOut(let limit):
      return MCPFailure(.timedOut, name, "gives no answer to '\(method)' within \(Notation.spell(limit))\(noise)")
    case .cancelled: return MCPFailure(.cancelled, name, "was answering '\(method)' when the task was cancelled")
    case .broken(let reason): return MCPFailure(.broken, name, await words(of: reason, method))
    }
  }

  private func words(of error: JSONRPCError) -> String {
    let message = shown(error.message, 500)
    return message.isEmpty ? "error \(error.code)" : "\(message) (error \(error.code))"
  }

  private var noise: String {
    let noise = connection.noise
    guard noise.lines > 0 else { return "" }
    let lines = noise.lines == 1 ? "1 line" : "\(noise.lines) lines"
    return "; \(lines) of what it prints are no messages, the last: \(shown(noise.last, 80))"
  }

  private func words(of reason: JSONRPCFailure.Break, _ method: String) async -> String {
    switch reason {
    case .ended:
      var end: String?
      if await endsWithin(.seconds(1)) {
        // Then all that it has printed has come, or is about to.
        await hearing.value
        end = await process.ended()
      }
      let words = process.lastWords
      return (end.map { "ended with \($0)" } ?? "closed its output") + " before it answered '\(method)'\(noise)"
        + (words.isEmpty ? "" : "; its last words: \(shown(words, 200))")
    case .deaf: return "does not read what it is sent"
    case .longLine(let limit): return "prints a line of more than \(Notation.spell(bytes: Int64(limit)))"
    case .batch: return "sends a batch of messages, which no revision of the protocol has that is spoken here"
    case .nonsense(let lines, let last):
      return "prints \(lines) lines that are no messages, the last: \(shown(last, 80))"
    case .closed: return "is being stopped"
    }
  }

  /// Without the secrets that the server was given: hidden before it is cut, since half of one would not be known any more.
  private func shown(_ text: String, _ limit: Int) -> String {
    Terminal.printable(String(ToolAnswer(text).masked(secrets.withLock { $0 }).text.prefix(limit)))
  }

  // MARK: Its end

  /// Ends the server: its input closes, then SIGTERM, then SIGKILL. Returns when nothing of it is left.
  func stop() async {
    // Also for a task that is cancelled, which could not wait.
    await Task { [self] in
      connection.close()
      if await !endsWithin(Self.patience) {
        process.terminate()
        if await !endsWithin(Self.patience) { process.kill() }
      }
      _ = await process.ended()
      await listening.value
      await hearing.value
    }.value
  }

  /// The same at once.
  func kill() async {
    connection.close()
    process.kill()
    await Task { [self] in _ = await process.ended() }.value  // Also for a task that is cancelled.
  }

  private func endsWithin(_ limit: Duration) async -> Bool {
    await withTaskGroup(of: Bool.self) { [process, sleep] group in
      group.addTask {
        _ = await process.ended()
        return true
      }
      group.addTask {
        try? await sleep(limit)
        return false
      }
      let first = await group.next() ?? false
      group.cancelAll()
      return first
    }
  }
}
