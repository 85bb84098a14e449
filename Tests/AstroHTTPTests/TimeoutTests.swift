import AstroHTTP
import AstroTestKit
import Testing

/// Each clock alone: the others are long.
struct TimeoutTests {
  let pool = try! HTTPClientPool()

  @Test func noConnection() async {
    let full = FullListener()
    var timeouts = patient
    timeouts.connect = .milliseconds(100)
    let url = "http://127.0.0.1:\(full.port)/x"
    #expect(await pool.flaw(url, within: timeouts) == "\(url): no connection within 100ms")
  }

  @Test func noHandshake() async {
    let server = ScriptedServer { $0.awaitClose() }
    var timeouts = patient
    timeouts.connect = .milliseconds(100)
    let url = "https://127.0.0.1:\(server.port)/x"
    #expect(await pool.flaw(url, within: timeouts) == "\(url): no connection within 100ms")
  }

  @Test(arguments: ["", "HTTP/1.1 200 OK\r\nx-long: a"]) func noHead(_ sent: String) async {
    let server = ScriptedServer { connection in
      _ = connection.request()
      connection.send(sent)
      connection.awaitClose()
    }
    var timeouts = patient
    timeouts.firstByte = .milliseconds(100)
    #expect(await pool.flaw(server.url, within: timeouts) == "\(server.url): no answer within 100ms")
  }

  @Test func noMoreOfTheBody() async {
    let server = ScriptedServer { connection in
      _ = connection.request()
      connection.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n123")
      connection.awaitClose()
    }
    var timeouts = patient
    timeouts.idle = .milliseconds(100)
    #expect(await pool.flaw(server.url, within: timeouts) == "\(server.url): the answer stopped coming for 100ms")
  }

  @Test func notFinished() async throws {
    let gate = Gate()
    let server = ScriptedServer { connection in
      _ = connection.request()
      connection.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")
      // A byte for each that has been read, and the last never: the clock between parts never runs out.
      while gate.wait(), connection.send("1") {}
    }
    var timeouts = patient
    timeouts.total = .milliseconds(100)
    gate.open()
    var count = 0
    let failure = await #expect(throws: HTTPFailure.self) {
      for try await part in try await pool.get(server.url, within: timeouts).body {
        count += part.count
        if count < 50 { gate.open() }
      }
    }
    gate.open()
    #expect(failure?.description == "\(server.url): not finished within 100ms")
    #expect(count <= 50)
  }

  @Test func aReaderThatTakesItsTimeIsNoSilentServer() async throws {
    let part = [UInt8](repeating: 1, count: 16 << 20)
    let server = ScriptedServer { connection in
      _ = connection.request()
      connection.send("HTTP/1.1 200 OK\r\ncontent-length: \(part.count)\r\n\r\n")
      connection.send(part)
    }
    var timeouts = patient
    timeouts.idle = .seconds(2)
    let response = try await pool.get(server.url, within: timeouts)
    // The clock of another request runs out meanwhile, which is longer.
    let silent = ScriptedServer { $0.awaitClose() }
    var short = patient
    short.firstByte = .seconds(3)
    #expect(await pool.flaw(silent.url, within: short) == "\(silent.url): no answer within 3s")
    #expect(try await response.body.collect(first: part.count).whole)
  }
}
