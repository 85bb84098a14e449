import AstroCore
import AstroTestKit
import Synchronization
import Testing

@testable import AstroMCP

struct JSONRPCConnectionTests {
  /// Time never passes.
  static let still: @Sendable (Duration) async throws -> Void = { _ in
    // Ends with the task.
    for await _ in AsyncStream(Void.self, { _ in }) {}
    throw CancellationError()
  }

  /// Time has always passed.
  static let hasty: @Sendable (Duration) async throws -> Void = { _ in }

  /// Runs `body` beside the listening of a connection on `stream`.
  func with<Value: Sendable>(
    _ stream: MemoryStream, longestLine: Int = JSONRPCConnection.longestLine,
    sleep: @escaping @Sendable (Duration) async throws -> Void = still,
    notified: @escaping @Sendable (String) -> Void = { _ in },
    _ body: (JSONRPCConnection) async -> Value
  ) async -> Value {
    let connection = JSONRPCConnection(stream, longestLine: longestLine, sleep: sleep, notified: notified)
    async let listening: Void = connection.listen()
    let value = await body(connection)
    connection.close()
    await listening
    return value
  }

  func result(
    _ connection: JSONRPCConnection, _ method: String, _ params: JSONValue? = nil
  ) async -> Result<JSONValue, JSONRPCFailure> {
    do throws(JSONRPCFailure) {
      return .success(try await connection.call(method, params, within: .seconds(9)))
    } catch { return .failure(error) }
  }

  @Test func requestsAreOneObjectInALine() async {
    let stream = MemoryStream {
      $0.say(#"{"jsonrpc":"2.0","id":1,"result":{"a":1}}"#); _ = $1
    }
    let result = await with(stream) { await self.result($0, "x", json(#"{"b": "1\n2"}"#)) }
    #expect(result == .success(json(#"{"a":1}"#)))
    #expect(stream.written == [json(#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"b":"1\n2"}}"#)])
  }

  @Test func answersComeInAnyOrder() async {
    let stream = MemoryStream { stream, message in
      guard message["id"] == .integer(2) else { return }
      stream.say(#"{"jsonrpc":"2.0","id":2,"result":"second"}"#)
      stream.say(#"{"jsonrpc":"2.0","id":1,"result":"first"}"#)
    }
    let results = await with(stream) { connection in
      await withTaskGroup(of: JSONValue?.self) { group in
        for _ in 0..<2 { group.addTask { try? await self.result(connection, "x").get() } }
        return await group.reduce(into: Set<JSONValue>()) { if let value = $1 { $0.insert(value) } }
      }
    }
    #expect(results == [.string("first"), .string("second")])
  }

  @Test func anErrorIsTheAnswerOfOneCall() async {
    let stream = MemoryStream { stream, message in
      if message["method"] == .string("bad") {
        stream.say(#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no such tool","data":[1]}}"#)
      } else {
        stream.say(#"{"jsonrpc":"2.0","id":2,"result":null}"#)
      }
    }
    await with(stream) { connection in
      let error = JSONRPCError(code: -32602, message: "no such tool", data: .list([.integer(1)]))
      #expect(await result(connection, "bad") == .failure(.error(error)))
      #expect(await result(connection, "good") == .success(.null))
    }
  }

  @Test func whatTheServerAsksIsRefused() async {
    let stream = MemoryStream { stream, message in
      switch message["method"] {
      case .string("x")?:
        stream.say(#"{"jsonrpc":"2.0","id":"a","method":"sampling/createMessage","params":{}}"#)
        stream.say(#"{"jsonrpc":"2.0","id":7,"method":"elicitation/create","params":{}}"#)
        stream.say(#"{"jsonrpc":"2.0","id":8,"method":"ping"}"#)
        stream.say(#"{"jsonrpc":"2.0","id":1,"result":1}"#)
      default: break
      }
    }
    let result = await with(stream) { await self.result($0, "x") }
    #expect(result == .success(.integer(1)))
    #expect(
      stream.written.dropFirst() == [
        json(
          #"{"jsonrpc":"2.0","id":"a","error":{"code":-32601,"message":"Method not found: sampling/createMessage"}}"#),
        json(#"{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"Method not found: elicitation/create"}}"#),
        json(#"{"jsonrpc":"2.0","id":8,"result":{}}"#),
      ])
  }

  @Test func notificationsAreTold() async {
    let methods = Mutex<[String]>([])
    let stream = MemoryStream { stream, _ in
      stream.say(#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#)
      stream.say(#"{"jsonrpc":"2.0","id":1,"result":1}"#)
    }
    _ = await with(stream, notified: { method in methods.withLock { $0.append(method) } }) {
      await self.result($0, "x")
    }
    #expect(methods.withLock { $0 } == ["notifications/tools/list_changed"])
  }

  @Test func whatIsNoMessageIsPassedOverAndCounted() async {
    let stream = MemoryStream { stream, _ in
      stream.say("Starting the server ...")
      stream.say([0x7B, 0x22, 0xFF, 0x22, 0x7D, 0x0A])  // No UTF-8.
      stream.say(#"{"id":1,"result":"of no version"}"#)
      stream.say(#"{"jsonrpc":"2.0","id":99,"result":"to what was never asked"}"#)
      stream.say("\u{1B}[31mred\r")
      stream.say("")
      stream.say(#"{"jsonrpc":"2.0","id":1,"result":1}"#)
      stream.say(#"{"jsonrpc":"2.0","id":1,"result":2}"#)
    }
    await with(stream) { connection in
      #expect(await result(connection, "x") == .success(.integer(1)))
      let noise = connection.noise
      #expect((noise.lines, noise.last) == (4, "\u{1B}[31mred"))
    }
  }

  @Test func tooMuchOfItIsTheEnd() async {
    let stream = MemoryStream { stream, _ in
      stream.say([UInt8](String(repeating: "tick\n", count: Noise.mostLines + 1).utf8))
    }
    let result = await with(stream) { await self.result($0, "x") }
    #expect(result == .failure(.broken(.nonsense(lines: 1001, last: "tick"))))
  }

  @Test func aServerThatChatsBetweenMessagesIsBorne() async {
    let stream = MemoryStream { stream, message in
      stream.say([UInt8](String(repeating: "tick\n", count: Noise.mostLines).utf8))
      stream.say(#"{"jsonrpc":"2.0","id":\#(message["id"]?.json ?? ""),"result":1}"#)
    }
    await with(stream) { connection in
      for _ in 0..<3 { #expect(await result(connection, "x") == .success(.integer(1))) }
      #expect(connection.noise.lines == 3000)
    }
  }

  @Test func batchesAreTheEnd() async {
    let stream = MemoryStream { stream, _ in stream.say(#"[{"jsonrpc":"2.0","id":1,"result":1}]"#) }
    let result = await with(stream) { await self.result($0, "x") }
    #expect(result == .failure(.broken(.batch)))
  }

  @Test func aLineHasABound() async {
    let answer = #"{"jsonrpc":"2.0","id":1,"result":""#
    let fitting = answer + String(repeating: "a", count: 100 - answer.utf8.count - 2) + "\"}"
    let stream = MemoryStream { stream, message in
      stream.say(message["id"] == .integer(1) ? fitting : String(repeating: "b", count: 101))
    }
    await with(stream, longestLine: 100) { connection in
      #expect((try? await result(connection, "x").get()) != nil)
      #expect(await result(connection, "y") == .failure(.broken(.longLine(100))))
    }
  }

  @Test func aLineWithoutAnEndIsNotKept() async {
    let stream = MemoryStream { stream, _ in stream.say([UInt8](repeating: 0x61, count: 101)) }
    let result = await with(stream, longestLine: 100) { await self.result($0, "x") }
    #expect(result == .failure(.broken(.longLine(100))))
  }

  @Test func aCallThatIsNotAnsweredInTimeIsCancelled() async {
    let stream = MemoryStream()
    let result = await with(stream, sleep: Self.hasty) { await self.result($0, "x") }
    #expect(result == .failure(.timedOut(.seconds(9))))
    // The time may be over before anything is sent, but not before it is said that nobody waits.
    #expect(
      stream.written.last
        == json(
          #"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"reason":"no answer in time"}}"#
        ))
  }

  @Test func initializeIsNeverCancelled() async {
    let stream = MemoryStream()
    _ = await with(stream, sleep: Self.hasty) { await self.result($0, "initialize") }
    #expect(!stream.written.contains { $0["method"] == .string("notifications/cancelled") })
  }

  @Test func aTaskThatIsCancelledGoesOnAtOnce() async {
    let asked = AsyncStream.makeStream(of: Void.self)
    let stream = MemoryStream { _, _ in asked.continuation.yield() }
    let result = await with(stream) { connection in
      await withTaskGroup(of: Result<JSONValue, JSONRPCFailure>.self) { group in
        group.addTask { await self.result(connection, "x") }
        for await _ in asked.stream { break }
        group.cancelAll()
        return await group.next()
      }
    }
    #expect(result == .failure(.cancelled))
  }

  @Test func theEndFailsCallsThatAreUnderWayAndThoseAfterIt() async {
    let stream = MemoryStream { stream, _ in stream.end() }
    await with(stream) { connection in
      #expect(await result(connection, "x") == .failure(.broken(.ended)))
      #expect(await result(connection, "y") == .failure(.broken(.ended)))
      #expect(connection.broken == .ended)
    }
  }

  @Test func everySplitOfTheBytesGivesTheSame() async {
    let text = "noise\r\n" + #"{"jsonrpc":"2.0","id":1,"result":"é"}"# + "\n"
    let bytes = Array(text.utf8)
    for split in 1..<bytes.count {
      let stream = MemoryStream { stream, _ in
        stream.say(Array(bytes[..<split]))
        stream.say(Array(bytes[split...]))
      }
      let result = await with(stream) { await self.result($0, "x") }
      #expect(result == .success(.string("é")), "split at \(split)")
    }
  }

  @Test func randomBytesNeverTakeItDown() async {
    var generator = SplitMix64(seed: 7)
    for _ in 0..<200 {
      let bytes = (0..<Int.random(in: 1...400, using: &generator)).map { _ -> UInt8 in
        // Often what messages are made of.
        Bool.random(using: &generator)
          ? UInt8.random(in: 0...255, using: &generator) : Array("{}[]\",:\n0id".utf8).randomElement(using: &generator)!
      }
      let stream = MemoryStream { stream, _ in
        stream.say(bytes)
        stream.end()
      }
      let result = await with(stream) { await self.result($0, "x") }
      guard case .failure(.broken) = result else {
        Issue.record("\(result) of \(bytes)")
        continue
      }
    }
  }
}
