import AstroCore
import AstroProcess
import Foundation
import Testing

@testable import AstroMCP

/// `mcp-server-time` of both eras, as published (`Tests/RealComponentTests/mcp.sh` installs them and says where they are).
@Suite(.enabled(if: ProcessInfo.processInfo.environment["ASTRO_MCP_MODERN"] != nil, "make test-real runs them"))
struct RealServerTests {
  static let environment = ProcessInfo.processInfo.environment

  /// Counts starts.
  actor Counter: ServerLauncher {
    private let launcher: KeptServerLauncher
    private(set) var starts = 0

    init() {
      let keeper = KeeperCommand(executable: RealServerTests.environment["ASTRO_BINARY"] ?? "")
      launcher = KeptServerLauncher(keeper: keeper, reactor: PipeReactor())
    }

    func launch(_ program: KeptProgram) async throws(Failure) -> any ServerProcess {
      starts += 1
      return try await launcher.launch(program)
    }
  }

  func server(_ variable: String, _ launcher: any ServerLauncher, _ memory: EraMemory) throws -> MCPServer {
    let path = try #require(Self.environment[variable])
    return MCPServer(
      ServerSettings(name: "time", command: [path]),
      program: { () throws(Failure) in
        ServerProgram(KeptProgram(arguments: [path], environment: ["PATH=/usr/bin:/bin"], directory: "/"))
      }, launcher: launcher, memory: memory, clock: MCPServerTests.SteppedClock())
  }

  @Test(arguments: [("ASTRO_MCP_MODERN", ProtocolEra.modern), ("ASTRO_MCP_LEGACY", .legacy)])
  func eachEraIsDetectedAndServes(_ variable: String, _ era: ProtocolEra) async throws {
    let (launcher, memory) = (Counter(), EraMemory())
    let server = try server(variable, launcher, memory)
    let tools = try await server.tools()
    #expect(tools.map(\.name) == ["get_current_time", "convert_time"])
    #expect(tools.allSatisfy { $0.inputSchema["type"] == .string("object") })
    #expect(await launcher.starts == 1)
    #expect(memory[server.settings.command] == era)

    let answer = try await server.call("get_current_time", arguments: json(#"{"timezone": "UTC"}"#))
    #expect(!answer.isError)
    #expect(try JSONReader.parse(answer.text)["timezone"] == .string("UTC"))
    // Only the modern one gives its result as data, and says that its tools may be called twice.
    #expect(answer.structured?["timezone"] == (era == .modern ? .string("UTC") : nil))
    #expect(tools.map(\.isRepeatable) == (era == .modern ? [true, true] : [false, false]))

    let wrong = try await server.call("get_current_time", arguments: json(#"{"timezone": "Atlantis"}"#))
    #expect(wrong.isError)
    #expect(try await isRefused("no_such_tool", by: server))

    try await withThrowingTaskGroup(of: Bool.self) { group in
      for _ in 0..<20 {
        group.addTask { try await server.call("get_current_time", arguments: json(#"{"timezone": "UTC"}"#)).isError }
      }
      for try await isError in group { #expect(!isError) }
    }
    await server.stop()
    #expect(await launcher.starts == 1)

    // The second of its kind is asked in its own words at once.
    let second = try self.server(variable, launcher, memory)
    #expect(try await second.tools().count == 2)
    #expect(await launcher.starts == 2)
    await second.stop()
  }

  /// An error, or an answer that says so: the eras differ.
  func isRefused(_ tool: String, by server: MCPServer) async throws -> Bool {
    do throws(MCPFailure) { return try await server.call(tool, arguments: .map([:])).isError } catch {
      return error.kind == .refused
    }
  }
}
