import AstroCore
import AstroProcess
import Synchronization
import Testing

@testable import AstroMCP

/// Which era a server is found to be of, and what is asked of it then.
struct MCPServerTests {
  /// The half of the time for starting, which is over at once; all else never is.
  static let hastyHalf: @Sendable (Duration) async throws -> Void = { duration in
    if duration == .seconds(15) { return }
    try await JSONRPCConnectionTests.still(duration)
  }

  final class SteppedClock: AstroCore.Clock {
    private let boot = Mutex<Int64>(0)
    func now() -> Moment { Moment(wall: Timestamp(microseconds: 0), boot: boot.withLock { $0 }) }
    func step(milliseconds: Int64) { boot.withLock { $0 += milliseconds * 1000 } }
  }

  func server(
    _ servers: MemoryServers, memory: EraMemory = EraMemory(), clock: any AstroCore.Clock = SteppedClock(),
    sleep: @escaping @Sendable (Duration) async throws -> Void = JSONRPCConnectionTests.still
  ) -> MCPServer {
    MCPServer(
      ServerSettings(name: "time", command: ["mcp-time"]),
      program: { () throws(Failure) in
        ServerProgram(
          KeptProgram(arguments: ["/mcp-time"], environment: [], directory: "/"), secrets: ["s3cr3t-value"])
      }, launcher: servers, memory: memory, clock: clock, sleep: sleep)
  }

  func methods(_ server: MemoryServer) -> [String] { server.memory.written.map { $0["method"]?.text ?? "" } }

  func failure(_ server: MCPServer) async -> MCPFailure? {
    do throws(MCPFailure) {
      _ = try await server.call("t", arguments: .map([:]))
      return nil
    } catch { return error }
  }

  static let done: @Sendable (JSONValue) -> String = { _ in #"{"content":[{"type":"text","text":"done"}]}"# }

  @Test func aModernServerIsDiscovered() async throws {
    let servers = MemoryServers(Scripts.modern(Self.done))
    let answer = try await server(servers).call("t", arguments: json(#"{"a":1}"#))
    #expect(answer == ToolAnswer("done"))
    #expect(methods(servers[0]) == ["server/discover", "tools/call"])
    #expect(
      servers[0].memory.written[1]["params"]
        == json(
          #"""
          {"_meta":{"io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"astro",
          "version":"1"},"io.modelcontextprotocol/protocolVersion":"2026-07-28"},"arguments":{"a":1},"name":"t"}
          """#))
  }

  @Test func aLegacyServerThatRefusesTheQuestionIsOpenedWithoutARestart() async throws {
    let servers = MemoryServers(Scripts.legacy(Self.done))
    #expect(try await server(servers).call("t", arguments: json(#"{"a":1}"#)) == ToolAnswer("done"))
    #expect(methods(servers[0]) == ["server/discover", "initialize", "notifications/initialized", "tools/call"])
    #expect(servers[0].memory.written[3]["params"] == json(#"{"arguments":{"a":1},"name":"t"}"#))
    #expect(servers.starts == 1)
  }

  @Test func aLegacyServerThatSaysNothingIsStartedAgainOnce() async throws {
    let servers = MemoryServers(Scripts.silent, Scripts.legacy(version: "2024-11-05", isSilent: true, Self.done))
    let time = Mutex(0)
    let server = server(servers) { duration in
      // The question is over at once, what follows is not.
      if duration == .seconds(15),
        time.withLock({
          $0 += 1; return $0
        }) == 1
      {
        return
      }
      try await JSONRPCConnectionTests.still(duration)
    }
    #expect(try await server.call("t", arguments: .map([:])) == ToolAnswer("done"))
    #expect(servers[0].orders == ["kill"])
    #expect(methods(servers[1]) == ["initialize", "notifications/initialized", "tools/call"])
  }

  @Test func aLegacyServerThatDiesOfTheQuestionIsStartedAgainOnce() async throws {
    let servers = MemoryServers(Scripts.dying, Scripts.legacy(Self.done))
    #expect(try await server(servers).call("t", arguments: .map([:])) == ToolAnswer("done"))
    #expect(servers.starts == 2)
  }

  @Test func aModernServerThatWasTooSlowIsKnownByItsRefusal() async throws {
    let servers = MemoryServers(Scripts.silent, Scripts.modern(Self.done))
    let time = Mutex(0)
    let server = server(servers) { duration in
      if duration == .seconds(15),
        time.withLock({
          $0 += 1; return $0
        }) == 1
      {
        return
      }
      try await JSONRPCConnectionTests.still(duration)
    }
    #expect(try await server.call("t", arguments: .map([:])) == ToolAnswer("done"))
    #expect(methods(servers[1]) == ["initialize", "tools/call"])
  }

  @Test func aServerThatDiesTwiceIsNotStartedAThirdTime() async {
    let servers = MemoryServers(Scripts.dying, Scripts.dying, Scripts.modern())
    let failure = await failure(server(servers))
    #expect(failure?.description == "MCP server 'time' ended with exit code 0 before it answered 'initialize'")
    #expect(failure?.kind == .broken)
    #expect(servers.starts == 2)
  }

  @Test func aServerThatNeverAnswersIsAClearFailure() async {
    let servers = MemoryServers(Scripts.silent, Scripts.silent)
    let failure = await failure(server(servers, sleep: Self.hastyHalf))
    #expect(failure?.description == "MCP server 'time' gives no answer to 'initialize' within 15s")
    #expect(failure?.kind == .timedOut)
  }

  @Test func revisionsThatNobodyKnowsAreNamed() async {
    let servers = MemoryServers { stream, message in
      guard let id = message["id"] else { return }
      stream.say(
        #"{"jsonrpc":"2.0","id":\#(id.json),"error":{"code":-32022,"message":"no","data":{"supported":["2031-01-01"]}}}"#
      )
    }
    let failure = await failure(server(servers))
    #expect(
      failure?.description
        == "MCP server 'time' speaks revision 2031-01-01 of the protocol, and none that is known up to 2026-07-28")
    #expect(failure?.kind == .notStarted)
    #expect(servers.starts == 1)
  }

  @Test func theEraOfACommandIsRemembered() async throws {
    let memory = EraMemory()
    let servers = MemoryServers(Scripts.legacy(Self.done), Scripts.legacy(Self.done))
    _ = try await server(servers, memory: memory).call("t", arguments: .map([:]))
    _ = try await server(servers, memory: memory).call("t", arguments: .map([:]))
    #expect(methods(servers[1]) == ["initialize", "notifications/initialized", "tools/call"])
  }

  @Test func whoNeedsItFirstStartsItForAll() async throws {
    let servers = MemoryServers(Scripts.modern(Self.done))
    let server = server(servers)
    try await withThrowingTaskGroup(of: ToolAnswer.self) { group in
      for _ in 0..<16 { group.addTask { try await server.call("t", arguments: .map([:])) } }
      for try await answer in group { #expect(answer == ToolAnswer("done")) }
    }
    #expect(servers.starts == 1)
  }

  @Test func aServerThatHasDiedIsStartedForTheNextCall() async throws {
    let servers = MemoryServers(
      { stream, message in
        if message["method"] == .string("tools/call") { stream.end() } else { Scripts.modern()(stream, message) }
      }, Scripts.modern(Self.done))
    let server = server(servers)
    #expect(
      await failure(server)?.description == "MCP server 'time' ended with exit code 0 before it answered 'tools/call'")
    #expect(try await server.call("t", arguments: .map([:])) == ToolAnswer("done"))
    #expect(servers[0].orders == ["kill"])
  }

  @Test func theLastToLeaveCancelsTheStart() async {
    let asked = AsyncStream.makeStream(of: Void.self)
    let servers = MemoryServers { _, _ in asked.continuation.yield() }
    let server = server(servers)
    let failure = await withTaskGroup(of: MCPFailure?.self) { group in
      group.addTask { await self.failure(server) }
      for await _ in asked.stream { break }
      group.cancelAll()
      return await group.next() ?? nil
    }
    #expect(failure?.description == "MCP server 'time' was being started when the task was cancelled")
    await server.stop()
    #expect(servers.starts == 1)
    #expect(servers[0].orders == ["kill"])
  }

  @Test func aServerThatIsStoppedStartsNoMore() async throws {
    let servers = MemoryServers(Scripts.modern(Self.done), Scripts.modern(Self.done))
    let server = server(servers)
    _ = try await server.call("t", arguments: .map([:]))
    await server.stop()
    #expect(await failure(server)?.description == "MCP server 'time' is being stopped")
    #expect(servers.starts == 1)
  }

  @Test func aCallThatIsUnderWayTakesNothingFromTheServersTimeToEnd() async {
    let asked = AsyncStream.makeStream(of: Void.self)
    let servers = MemoryServers { stream, message in
      if message["method"] == .string("tools/call") {
        asked.continuation.yield()
      } else {
        Scripts.modern()(stream, message)
      }
    }
    let server = server(servers)
    async let failure = failure(server)
    for await _ in asked.stream { break }
    await server.stop()
    #expect(await failure?.description == "MCP server 'time' is being stopped")
    #expect(servers[0].orders == [])
  }

  @Test func aSecretIsMaskedBeforeAMessageIsCut() async {
    let words = String(repeating: "x", count: 495)
    let servers = MemoryServers { stream, message in
      guard message["method"] == .string("tools/call"), let id = message["id"] else {
        return Scripts.modern()(stream, message)
      }
      stream.say(#"{"jsonrpc":"2.0","id":\#(id.json),"error":{"code":-1,"message":"\#(words)s3cr3t-value and more"}}"#)
    }
    #expect(
      await failure(server(servers))?.description
        == "MCP server 'time' refuses 'tools/call': \(words)*** a (error -1)")
  }

  // MARK: Tools

  @Test func toolsOfAllPagesAreListedWithTheirHints() async throws {
    let servers = MemoryServers(
      Scripts.modern { message in
        message["params"]?["cursor"] == .string("2")
          ? #"{"tools":[{"name":"write","description":"Writes","annotations":{"destructiveHint":true}},{"title":"nameless"}]}"#
          : #"{"tools":[{"name":"read","inputSchema":{"type":"object","required":["x"]},"annotations":{"readOnlyHint":true}}],"nextCursor":"2"}"#
      })
    let tools = try await server(servers).tools()
    #expect(
      tools == [
        MCPTool(name: "read", inputSchema: json(#"{"type":"object","required":["x"]}"#), isReadOnly: true),
        MCPTool(name: "write", description: "Writes"),
      ])
    #expect(tools.map(\.isRepeatable) == [true, false])
  }

  @Test func aListThatNeverEndsIsRefused() async {
    let servers = MemoryServers(Scripts.modern { _ in #"{"tools":[{"name":"a"}],"nextCursor":"again"}"# })
    await #expect(throws: MCPFailure(.refused, "time", "lists its tools without end")) {
      try await server(servers).tools()
    }
  }

  @Test func aListHoldsAsLongAsTheServerSays() async throws {
    let clock = SteppedClock()
    let servers = MemoryServers(Scripts.modern { _ in #"{"tools":[],"ttlMs":500}"# })
    let server = server(servers, clock: clock)
    _ = try await server.tools()
    clock.step(milliseconds: 499)
    _ = try await server.tools()
    #expect(methods(servers[0]) == ["server/discover", "tools/list"])
    clock.step(milliseconds: 1)
    _ = try await server.tools()
    #expect(methods(servers[0]) == ["server/discover", "tools/list", "tools/list"])
  }

  @Test func aListThatHasChangedIsAskedForAgain() async throws {
    let servers = MemoryServers(Scripts.legacy { _ in #"{"tools":[]}"# })
    let server = server(servers)
    _ = try await server.tools()
    _ = try await server.tools()
    servers[0].memory.say(#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#)
    // Answered after the notification.
    _ = await failure(server)
    _ = try await server.tools()
    #expect(methods(servers[0]).filter { $0 == "tools/list" }.count == 2)
  }

  @Test(arguments: [
    (#"{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}"#, ToolAnswer("a\nb")),
    (#"{"content":[],"structuredContent":{"n":1}}"#, ToolAnswer(#"{"n":1}"#, structured: json(#"{"n":1}"#))),
    (#"{"content":[{"type":"text","text":"no"}],"isError":true}"#, ToolAnswer("no", isError: true)),
    (
      #"{"content":[{"type":"image","mimeType":"image/png","data":"AA"},{"type":"resource_link","uri":"file:///x"}]}"#,
      ToolAnswer("[image, image/png, not shown]\n[resource file:///x]")
    ),
    (
      #"{"content":[{"type":"resource","resource":{"uri":"file:///x","text":"inside"}},{"type":"hologram"},7]}"#,
      ToolAnswer("inside\n[content of kind 'hologram', not shown]\n[content of no kind]")
    ),
    (#"{"content":[{"type":"text","text":"the key is s3cr3t-value"}]}"#, ToolAnswer("the key is ***")),
  ])
  func contentBecomesText(_ result: String, _ answer: ToolAnswer) async throws {
    let servers = MemoryServers(Scripts.modern { _ in result })
    #expect(try await server(servers).call("t", arguments: .map([:])) == answer)
  }

  @Test(arguments: [
    (
      #"{"resultType":"input_required"}"#, MCPFailure.Kind.needsInput,
      "asks for input before 't' goes on, and there is nobody to ask"
    ),
    (#"{"resultType":"complete"}"#, .refused, "answers 't' without content"),
    (#""text""#, .refused, "answers 't' without content"),
  ])
  func whatIsNoResultIsAFailure(_ result: String, _ kind: MCPFailure.Kind, _ message: String) async {
    let servers = MemoryServers(Scripts.modern { _ in result })
    #expect(await failure(server(servers)) == MCPFailure(kind, "time", message))
  }

  @Test func anErrorIsRefusedAndTheServerServesOn() async throws {
    let servers = MemoryServers { stream, message in
      guard message["method"] == .string("tools/call"), message["params"]?["name"] == .string("t"),
        let id = message["id"]
      else { return Scripts.modern(Self.done)(stream, message) }
      stream.say(
        #"{"jsonrpc":"2.0","id":\#(id.json),"error":{"code":-32602,"message":"Unknown tool: t, s3cr3t-value"}}"#)
    }
    let server = server(servers)
    #expect(
      await failure(server)?.description
        == "MCP server 'time' refuses 'tools/call': Unknown tool: t, *** (error -32602)")
    #expect(try await server.call("u", arguments: .map([:])) == ToolAnswer("done"))
    #expect(servers.starts == 1)
  }
}
