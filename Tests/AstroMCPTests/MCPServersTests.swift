import AstroCore
import AstroProcess
import AstroTestKit
import Synchronization
import Testing

@testable import AstroMCP

struct MCPServersTests {
  let run = WorkflowID(unchecked: "a-20261129T120000Z-aaaaaa")
  let other = WorkflowID(unchecked: "b-20261129T120000Z-bbbbbb")
  let settings = ServerSettings(name: "time", command: ["mcp-time"])

  @Sendable static func program() throws(Failure) -> ServerProgram {
    ServerProgram(KeptProgram(arguments: ["/mcp-time"], environment: [], directory: "/"))
  }

  /// The time nobody uses a server is over when the test says.
  func pool(_ idle: AsyncStream<Void>? = nil) -> MCPServers {
    MCPServers(
      launcher: MemoryServers(
        Scripts.modern(MCPServerTests.done), Scripts.modern(MCPServerTests.done), Scripts.modern(MCPServerTests.done)),
      clock: MCPServerTests.SteppedClock()
    ) { duration in
      guard duration == MCPServers.idleTime, let idle else { return try await JSONRPCConnectionTests.still(duration) }
      for await _ in idle { return }
      throw CancellationError()
    }
  }

  func isStopped(_ server: MCPServer) async -> Bool {
    do throws(MCPFailure) {
      _ = try await server.call("t", arguments: .map([:]))
      return false
    } catch { return error.message == "is being stopped" }
  }

  @Test func theTasksOfARunShareOne() async {
    let pool = pool()
    let first = pool.take(settings, of: run, program: Self.program)
    let second = pool.take(settings, of: run, program: Self.program)
    let third = pool.take(settings, of: other, program: Self.program)
    let fourth = pool.take(ServerSettings(name: "time", command: ["other"]), of: run, program: Self.program)
    #expect(first === second)
    #expect(first !== third)
    #expect(first !== fourth)
    await pool.close()
  }

  @Test func theEndOfARunIsTheEndOfItsServers() async {
    let pool = pool()
    let ended = pool.take(settings, of: run, program: Self.program)
    let going = pool.take(settings, of: other, program: Self.program)
    #expect(await !isStopped(ended))
    await pool.end(of: run)
    #expect(await isStopped(ended))
    #expect(await !isStopped(going))
    #expect(pool.take(settings, of: run, program: Self.program) !== ended)
    await pool.close()
    #expect(await isStopped(going))
  }

  @Test func oneThatNobodyUsesIsEnded() async {
    let idle = AsyncStream.makeStream(of: Void.self)
    let pool = pool(idle.stream)
    _ = pool.take(settings, of: run, program: Self.program)
    _ = pool.take(settings, of: run, program: Self.program)
    pool.release(settings, of: run)
    pool.release(settings, of: run)
    idle.continuation.yield()
    while pool.hasServer(settings, of: run) { await Task.yield() }
  }

  @Test func oneThatIsTakenAgainIsKept() async {
    let idle = AsyncStream.makeStream(of: Void.self)
    let pool = pool(idle.stream)
    let server = pool.take(settings, of: run, program: Self.program)
    pool.release(settings, of: run)
    #expect(pool.take(settings, of: run, program: Self.program) === server)
    idle.continuation.yield()
    #expect(await !isStopped(server))
    #expect(pool.hasServer(settings, of: run))
    await pool.close()
  }
}
