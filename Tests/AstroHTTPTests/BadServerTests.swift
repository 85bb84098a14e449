import AstroHTTP
import AstroTestKit
import Testing

/// Servers that are dead, broken or hostile: each is a clear failure of one request, and the pool goes on.
struct BadServerTests {
  let pool = try! HTTPClientPool()

  @Test func nobodyListens() async {
    let url = "http://127.0.0.1:\(ScriptedServer.deadPort())/x"
    #expect(await pool.flaw(url) == "\(url): no connection: Connection refused")
    #expect(
      await pool.flaw(url.replacing("127.0.0.1", with: "localhost")).hasSuffix("no connection: Connection refused"))
  }

  @Test func noSuchName() async {
    let flaw = await pool.flaw("http://nobody.invalid/x")
    #expect(flaw == "http://nobody.invalid/x: the name cannot be resolved: no address is known for it")
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let sent: String
    let flaw: String
    var testDescription: String { "\(sent.debugDescription) is \(flaw)" }
  }

  static let cases = [
    Case(sent: "", flaw: "the connection was closed before an answer came"),
    Case(sent: "HTTP/1.1 200 OK\r\nx", flaw: "the connection was closed before an answer came"),
    Case(
      sent: "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n123",
      flaw: "the connection was closed in the middle of the answer, after 3 bytes"),
    Case(
      sent: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel",
      flaw: "the connection was closed in the middle of the answer, after 3 bytes"),
    Case(
      sent: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nh\r\n",
      flaw: "the connection was closed in the middle of the answer, after 1 byte"),
    Case(
      sent: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nh\r\n",
      flaw: "the answer is not HTTP: a chunk has no size"),
    Case(
      sent: "HTTP/1.1 200 OK\r\ncontent-length: ten\r\n\r\n",
      flaw: "the answer is not HTTP: its length is no number, or is given twice"),
    Case(
      sent: "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
      flaw: "the answer is not HTTP: its length is no number, or is given twice"),
    Case(sent: "SSH-2.0-OpenSSH_9.2\r\n", flaw: "the answer is not HTTP: it does not begin with HTTP/1"),
    Case(sent: "\0\u{1}\u{2}\u{3}", flaw: "the answer is not HTTP: it does not begin with HTTP/1"),
    Case(sent: "HTTP/9.9 200 OK\r\n\r\n", flaw: "the answer is not HTTP: it does not begin with HTTP/1"),
    Case(sent: "HTTP/1.1 abc OK\r\n\r\n", flaw: "the answer is not HTTP: its status is no number"),
    Case(
      sent: "HTTP/1.1 200 OK\r\nbad name: 1\r\n\r\n",
      flaw: "the answer is not HTTP: a header field has a forbidden character"),
    Case(
      sent: "HTTP/1.1 200 OK\r\nx: " + String(repeating: "y", count: 100_000) + "\r\n\r\n",
      flaw: "the answer is not HTTP: its header fields are too long or too many"),
    Case(
      sent: "HTTP/1.1 200 OK\r\n" + String(repeating: "x: y\r\n", count: 10_000) + "\r\n",
      flaw: "the answer is not HTTP: its header fields are too long or too many"),
  ]

  @Test(arguments: cases) func brokenAnswers(_ broken: Case) async throws {
    let server = ScriptedServer { connection in
      _ = connection.request()
      connection.send(broken.sent)
    }
    #expect(await pool.flaw(server.url) == "\(server.url): \(broken.flaw)")
    let whole = ScriptedServer(answers: [ScriptedServer.answer(body: "well")])
    #expect(try await pool.text(whole.url) == "well")
  }

  @Test func aResetInTheBody() async {
    let server = ScriptedServer { connection in
      _ = connection.request()
      connection.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345")
      connection.resetOnClose()
    }
    let flaw = await pool.flaw(server.url)
    // A reset may overtake what was sent before it.
    #expect(flaw.hasPrefix("\(server.url): the connection was closed "))
  }

  @Test func aReplyWithMoreThanItSaysIsCutAndNotMixedIntoTheNext() async throws {
    let server = ScriptedServer { connection in
      while connection.request() != nil { connection.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokGARBAGE") }
    }
    #expect(try await pool.text(server.url) == "ok")
    #expect(try await pool.text(server.url) == "ok")
    #expect(server.connections == 2)
  }

  @Test func aHeaderThatIsNotUTF8IsRepaired() async throws {
    let server = ScriptedServer { connection in
      _ = connection.request()
      connection.send(
        Array("HTTP/1.1 200 OK\r\nx: a".utf8) + [0xFF, 0xE9] + Array("\r\ncontent-length: 0\r\n\r\n".utf8))
    }
    #expect(try await pool.get(server.url).headers["x"] == "a\u{FFFD}\u{FFFD}")
  }

  @Test func headerFieldsCannotBreakOut() async {
    let server = ScriptedServer(answers: [ScriptedServer.answer()])
    for (name, value, flaw) in [
      ("x", "a\r\nevil: 1", "the header field 'x' has a line break or another control character"),
      ("x", "a\u{0}", "the header field 'x' has a line break or another control character"),
      ("x y", "a", "'x y' is no name of a header field"),
      ("", "a", "'' is no name of a header field"),
    ] {
      let request = HTTPRequest(url: server.url, headers: [(name, value)])
      await #expect(throws: HTTPFailure(.badRequest(flaw), url: server.url)) {
        try await pool.send(request, within: patient)
      }
    }
    #expect(server.connections == 0)
  }

  @Test(arguments: ["", "GET /x", "G\r\nX", "CONNECT"]) func methodsThatAreNone(_ method: String) async {
    let request = HTTPRequest(method: method, url: "http://127.0.0.1:1/")
    await #expect(throws: HTTPFailure(.badRequest("'\(method)' is no method of HTTP"), url: request.url)) {
      try await pool.send(request, within: patient)
    }
  }
}
