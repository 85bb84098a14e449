import AstroTestKit
import Testing

@testable import AstroHTTP

struct ExchangeTests {
  let pool = try! HTTPClientPool()

  @Test func aRequestIsSentAsItIs() async throws {
    let server = ScriptedServer(answers: [ScriptedServer.answer(201, ["X-Two: a", "x-two: b"], body: "made")])
    let request = HTTPRequest(
      method: "PATCH", url: server.url + "/a%20b/?q=%C3%A9#part", headers: [("X-Key", "k")], body: Array("what".utf8))
    let response = try await pool.send(request, within: patient)
    #expect(response.status == 201)
    #expect(response.headers["x-TWO"] == "a")
    #expect(response.headers.values(of: "X-two") == ["a", "b"])
    #expect(response.headers["x-tw"] == nil)
    #expect(try await response.text() == "made")
    let seen = try #require(server.requests.first)
    #expect(seen.line == "PATCH /a%20b/?q=%C3%A9 HTTP/1.1")
    #expect(seen.body == Array("what".utf8))
    #expect(seen.headers["x-key"] == "k")
    #expect(seen.headers["host"] == "127.0.0.1:\(server.port)")
    #expect(seen.headers["user-agent"] == "astro")
  }

  @Test func aConnectionIsKeptForTheNextRequest() async throws {
    let server = ScriptedServer(answers: [ScriptedServer.answer(body: "one")])
    let pool = try HTTPClientPool(keeping: .seconds(600))
    for _ in 1...5 { #expect(try await pool.text(server.url) == "one") }
    #expect(server.connections == 1)
    #expect(server.requests.count == 5)
  }

  @Test func requestsAtOnceHaveAConnectionEach() async throws {
    let server = ScriptedServer(answers: [ScriptedServer.answer(body: "yes")])
    let url = server.url
    let answers = try await withThrowingTaskGroup(of: String.self) { group in
      for _ in 1...40 { group.addTask { try await pool.text(url) } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(answers == Array(repeating: "yes", count: 40))
  }

  @Test func theHeadComesBeforeTheBody() async throws {
    let gate = Gate()
    let server = ScriptedServer { connection in
      _ = connection.request()
      connection.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
      for part in ["a", "bc", "d"] {
        gate.wait()
        connection.send("\(part.utf8.count)\r\n\(part)\r\n")
      }
      gate.wait()
      connection.send("0\r\n\r\n")
    }
    let response = try await pool.get(server.url)
    #expect(response.status == 200)
    var parts: [String] = []
    gate.open()
    for try await part in response.body {
      parts.append(String(decoding: part, as: UTF8.self))
      gate.open()
    }
    #expect(parts == ["a", "bc", "d"])
  }

  @Test func aLongBodyIsCutAndItsConnectionClosed() async throws {
    let (sent, told) = AsyncStream.makeStream(of: Int.self)
    let server = ScriptedServer { connection in
      _ = connection.request()
      connection.send("HTTP/1.1 200 OK\r\ncontent-length: 104857600\r\n\r\n")
      let part = [UInt8](repeating: 7, count: 1 << 16)
      var count = 0
      while count < 100 << 20, connection.send(part) { count += part.count }
      told.yield(count)
    }
    let response = try await pool.get(server.url)
    let (bytes, isWhole) = try await response.body.collect(first: 1_000_001)
    #expect(!isWhole)
    #expect(bytes == [UInt8](repeating: 7, count: 1_000_001))
    // What the kernel holds for both ends is a few MiB.
    #expect(try #require(await sent.first { _ in true }) < 50 << 20)
  }

  @Test func aBodyThatNobodyReadsHoldsTheServerBack() async throws {
    let (closed, told) = AsyncStream.makeStream(of: Bool.self)
    let server = ScriptedServer { connection in
      _ = connection.request()
      connection.send("HTTP/1.1 200 OK\r\ncontent-length: 104857600\r\n\r\n")
      while connection.send([UInt8](repeating: 1, count: 1 << 16)) {}
      told.yield(connection.awaitClose())
    }
    var timeouts = patient
    timeouts.total = .seconds(3600)
    var response: HTTPResponse? = try await pool.get(server.url, within: timeouts)
    #expect(response?.status == 200)
    // Letting go of the answer closes the connection, which the server is waiting to write to.
    response = nil
    #expect(await closed.first { _ in true } == true)
  }

  @Test func aLongBodyArrivesWhole() async throws {
    let body = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    let server = ScriptedServer { connection in
      _ = connection.request()
      connection.send("HTTP/1.1 200 OK\r\ncontent-length: \(body.count)\r\n\r\n")
      connection.send(body)
    }
    let response = try await pool.get(server.url)
    let (bytes, isWhole) = try await response.body.collect(first: body.count)
    #expect(isWhole)
    #expect(bytes == body)
  }

  @Test func aLongRequestArrivesWhole() async throws {
    let body = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    let server = ScriptedServer(answers: [ScriptedServer.answer()])
    let response = try await pool.send(HTTPRequest(method: "POST", url: server.url, body: body), within: patient)
    #expect(response.status == 200)
    #expect(server.requests.first?.body == body)
  }

  @Test func whatCameBeforeAFailureIsGivenOut() async throws {
    let server = ScriptedServer { connection in
      _ = connection.request()
      connection.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345")
    }
    let response = try await pool.get(server.url)
    var text = ""
    let failure = await #expect(throws: HTTPFailure.self) {
      for try await part in response.body { text += String(decoding: part, as: UTF8.self) }
    }
    #expect(text == "12345")
    #expect(failure?.cause == .closed(received: 5))
  }

  @Test func anAnswerWithoutLengthEndsWithItsConnection() async throws {
    let server = ScriptedServer { connection in
      _ = connection.request()
      connection.send("HTTP/1.0 200 OK\r\n\r\nold")
    }
    #expect(try await pool.text(server.url) == "old")
  }

  @Test func interimAnswersArePassedOver() async throws {
    let interim = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    let server = ScriptedServer(answers: [interim + interim + ScriptedServer.answer(body: "final")])
    let response = try await pool.get(server.url)
    #expect(response.status == 200)
    #expect(try await response.text() == "final")
  }

  @Test func cancellingBeforeTheAnswerClosesTheConnection() async throws {
    let (events, told) = AsyncStream.makeStream(of: Bool.self)
    let server = ScriptedServer { connection in
      told.yield(connection.request() != nil)
      told.yield(connection.awaitClose())
    }
    let (pool, url) = (pool, server.url)
    // Outside any group: it is cancelled while the test waits for the server.
    let asking = Task { await pool.flaw(url) }
    var event = events.makeAsyncIterator()
    #expect(await event.next() == true)
    asking.cancel()
    #expect(await asking.value == "\(url): cancelled")
    #expect(await event.next() == true)
  }

  @Test func cancellingInTheBodyClosesTheConnection() async throws {
    let (closed, told) = AsyncStream.makeStream(of: Bool.self)
    let server = ScriptedServer { connection in
      _ = connection.request()
      connection.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n1")
      told.yield(connection.awaitClose())
    }
    let response = try await pool.get(server.url)
    let (parts, came) = AsyncStream.makeStream(of: [UInt8].self)
    // Outside any group: it is cancelled while it reads.
    let reading = Task { () -> String in
      do throws(HTTPFailure) {
        // Whatever ends it, nobody waits for a part that never comes.
        defer { came.finish() }
        for try await part in response.body { came.yield(part) }
        return "ended"
      } catch {
        return error.sentence
      }
    }
    #expect(await parts.first { _ in true } == Array("1".utf8))
    reading.cancel()
    #expect(await reading.value == "cancelled")
    #expect(await closed.first { _ in true } == true)
  }

  @Test func nothingIsSentForATaskThatIsCancelledAlready() async throws {
    let server = ScriptedServer(answers: [ScriptedServer.answer()])
    let (pool, url) = (pool, server.url)
    // Cancels itself, which a child of a group cannot.
    let flaw = await Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return await pool.flaw(url)
    }.value
    #expect(flaw == "\(url): cancelled")
    #expect(server.requests.isEmpty)
  }

  @Test func shuttingDownEndsWhatIsUnderWay() async throws {
    let (events, told) = AsyncStream.makeStream(of: Bool.self)
    let server = ScriptedServer { connection in
      told.yield(connection.request() != nil)
      told.yield(connection.awaitClose())
    }
    let (pool, url) = (pool, server.url)
    async let flaw = pool.flaw(url)
    var event = events.makeAsyncIterator()
    #expect(await event.next() == true)
    await pool.shutdown()
    #expect(await flaw == "\(url): the HTTP client is shut down")
    #expect(await event.next() == true)
    #expect(await pool.flaw(url) == "\(url): the HTTP client is shut down")
    await pool.shutdown()
  }
}
