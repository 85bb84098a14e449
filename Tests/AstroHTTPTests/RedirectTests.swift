import AstroHTTP
import AstroTestKit
import Testing

struct RedirectTests {
  let pool = try! HTTPClientPool()

  func send(_ request: HTTPRequest, redirects: Int = 5) async throws(HTTPFailure) -> (
    response: HTTPResponse, url: String
  ) {
    try await pool.send(request, within: patient, redirects: redirects)
  }

  @Test(arguments: [
    (301, "POST", "GET"), (302, "POST", "GET"), (303, "POST", "GET"), (307, "POST", "POST"), (308, "POST", "POST"),
    (301, "PUT", "PUT"), (303, "PUT", "GET"), (303, "HEAD", "HEAD"), (302, "GET", "GET"),
  ])
  func methodAndBody(_ status: Int, _ method: String, _ next: String) async throws {
    let server = ScriptedServer(answers: [
      ScriptedServer.answer(status, ["location: ../b?c"]), ScriptedServer.answer(),
    ])
    let body: [UInt8] = method == "GET" || method == "HEAD" ? [] : Array("data".utf8)
    let headers = [("Content-Type", "text/plain"), ("Authorization", "Bearer t")]
    let request = HTTPRequest(method: method, url: server.url + "/x/y", headers: headers, body: body)
    let (response, url) = try await send(request)
    #expect(response.status == 200)
    #expect(url == server.url + "/b?c")
    let second = try #require(server.requests.last)
    #expect(second.line == "\(next) /b?c HTTP/1.1")
    #expect(second.body == (next == method ? body : []))
    #expect(second.headers["content-type"] == (next == method ? "text/plain" : nil))
    #expect(second.headers["authorization"] == "Bearer t")
  }

  @Test func keysStayWithTheirOrigin() async throws {
    let other = ScriptedServer(answers: [ScriptedServer.answer()])
    let server = ScriptedServer(answers: [ScriptedServer.answer(307, ["Location: \(other.url)/x"])])
    let headers = [
      ("Authorization", "Bearer t"), ("cookie", "c=1"), ("X-Api-Key", "k"), ("Accept", "text/html"), ("Host", "forged"),
    ]
    _ = try await send(HTTPRequest(method: "POST", url: server.url, headers: headers, body: [65]))
    let seen = try #require(other.requests.first)
    #expect(seen.headers["accept"] == "text/html")
    #expect(seen.headers["host"] == "127.0.0.1:\(other.port)")
    for name in ["authorization", "cookie", "x-api-key"] { #expect(seen.headers[name] == nil) }
    #expect(seen.body == [65])
  }

  @Test func notMoreThanTold() async throws {
    let server = ScriptedServer { connection in
      while let request = connection.request() {
        // `/` leads to `/x`, that to `/xx`, and so on.
        connection.send(ScriptedServer.answer(302, ["location: \(request.line.split(separator: " ")[1])x"]))
      }
    }
    await #expect(throws: HTTPFailure(.tooManyRedirects(3), url: server.url + "/xxx")) {
      try await send(HTTPRequest(url: server.url), redirects: 3)
    }
    #expect(server.requests.count == 4)
    #expect(try await send(HTTPRequest(url: server.url), redirects: 0).response.status == 302)
  }

  @Test func notInACircle() async throws {
    let server = ScriptedServer(answers: [
      ScriptedServer.answer(302, ["location: /b"]), ScriptedServer.answer(302, ["location: /a"]),
    ])
    let failure = await #expect(throws: HTTPFailure.self) { try await send(HTTPRequest(url: server.url + "/a")) }
    #expect(failure?.description == "\(server.url)/b: redirects in a circle")
  }

  @Test(arguments: [
    ("file:///etc/passwd", "'file:///etc/passwd': a URL begins with http:// or https://"),
    ("http://", "'http://': the host is missing"),
    ("http://u:p@x/?k=1", "'http://x/?…': a URL has no user and password here; use the header 'authorization'"),
  ])
  func notJustAnywhere(_ location: String, _ flaw: String) async throws {
    let server = ScriptedServer(answers: [ScriptedServer.answer(302, ["location: \(location)"])])
    await #expect(throws: HTTPFailure(.badRedirect(flaw), url: server.url)) {
      try await send(HTTPRequest(url: server.url))
    }
  }

  @Test func oneWithoutALocationIsAnAnswer() async throws {
    let server = ScriptedServer(answers: [ScriptedServer.answer(302, body: "where")])
    #expect(try await send(HTTPRequest(url: server.url)).response.text() == "where")
  }

  @Test func oneClockForAllOfThem() async throws {
    let server = ScriptedServer { connection in
      _ = connection.request()
      connection.send(ScriptedServer.answer(302, ["location: /b"]))
      _ = connection.request()
      connection.awaitClose()
    }
    var timeouts = patient
    timeouts.total = .milliseconds(200)
    let failure = await #expect(throws: HTTPFailure.self) {
      try await pool.send(HTTPRequest(url: server.url), within: timeouts, redirects: 5)
    }
    // What was told, and not what was left of it.
    #expect(failure?.sentence == "not finished within 200ms")
  }
}
