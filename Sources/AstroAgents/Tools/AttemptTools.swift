public import AstroCore
public import AstroLLM
import AstroMCP
import Synchronization

/// The tools of one attempt: those of the names that its task may call, and no others. `server.tool` is of a server, a name
/// without a dot is a command.
final class AttemptTools: ToolBox {
  private enum Source: Sendable {
    case server(ToolServer, tool: String)
    case command(CommandTool)
  }

  private let host: ToolHost
  private let request: PerformanceRequest
  /// In the order of the task.
  private let names: [String]
  private let sources: [String: Source]
  /// Those in use, by name.
  private let taken = Mutex<[String: (server: ToolServer, running: MCPServer)]>([:])

  /// - Throws: which name is none.
  init(
    _ host: ToolHost, for request: PerformanceRequest, names: [String]
  ) throws(Failure) {
    self.host = host
    self.request = request
    self.names = names
    let servers = host.servers
    var sources: [String: Source] = [:]
    for name in names {
      // Names of servers have no dot, those of tools may.
      let parts = name.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 {
        guard let server = servers[String(parts[0])] else {
          throw Self.unknown(name, "no server '\(parts[0])'", among: servers.keys.sorted())
        }
        sources[name] = .server(server, tool: String(parts[1]))
      } else {
        guard let command = request.tools.first(where: { $0.name == name }) else {
          throw Self.unknown(name, "no command of that name", among: request.tools.map(\.name))
        }
        sources[name] = .command(command)
      }
    }
    self.sources = sources
  }

  deinit { releaseAll() }

  func list() async throws(Failure) -> [OfferedTool] {
    var offered: [OfferedTool] = []
    for name in names {
      switch sources[name] {
      case .command(let tool)?:
        let description = ToolDescription(name: name, description: tool.description, parameters: tool.parameters)
        offered.append(OfferedTool(description, isIdempotent: tool.isIdempotent))
      case .server(let server, let toolName)?:
        let tools: [MCPTool]
        do throws(MCPFailure) { tools = try await take(server).tools() } catch { throw error.failure }
        guard let tool = tools.first(where: { $0.name == toolName }) else {
          throw Self.unknown(
            name, "MCP server '\(server.settings.name)' has no tool '\(toolName)'", among: tools.map(\.name))
        }
        let description = ToolDescription(name: name, description: tool.description, parameters: tool.inputSchema)
        offered.append(OfferedTool(description, isIdempotent: tool.isRepeatable))
      case nil: break
      }
    }
    return offered
  }

  func call(_ name: String, arguments: JSONValue) async throws(Failure) -> ToolOutcome {
    switch sources[name] {
    case .command(let tool)?: return try await host.call(tool, arguments, for: request)
    case .server(let server, let tool)?:
      do throws(MCPFailure) {
        let answer = try await take(server).call(tool, arguments: arguments, hiding: request.secrets)
        return ToolOutcome(answer.text, isError: answer.isError)
      } catch {
        switch error.kind {
        // For the model to mend, or to go on without.
        case .refused, .timedOut: return ToolOutcome(error.description, isError: true)
        case .notStarted, .needsInput, .broken, .cancelled: throw error.failure
        }
      }
    case nil:
      return ToolOutcome("there is no tool '\(name)'; there are \(names.joined(separator: ", "))", isError: true)
    }
  }

  func close() async { releaseAll() }

  private func take(_ server: ToolServer) -> MCPServer {
    taken.withLock { taken in
      if let known = taken[server.settings.name] { return known.running }
      let running = host.take(server, for: request)
      taken[server.settings.name] = (server, running)
      return running
    }
  }

  private func releaseAll() {
    let servers = taken.withLock { taken in
      defer { taken = [:] }
      return taken.values.map(\.server)
    }
    for server in servers { host.release(server, after: request) }
  }

  private static func unknown(_ name: String, _ problem: String, among known: [String]) -> Failure {
    let list = known.isEmpty ? "there are none" : "there are \(known.joined(separator: ", "))"
    return Failure(.invalidWorkflow, subject: "tool '\(name)'", message: "\(problem); \(list)")
  }
}

extension ToolHost {
  /// The tools of an attempt.
  /// - Throws: which of the names is none.
  public func tools(
    named names: [String], for request: PerformanceRequest
  ) throws(Failure) -> any ToolBox { try AttemptTools(self, for: request, names: names) }
}
