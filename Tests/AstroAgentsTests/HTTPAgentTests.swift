import AstroCore
import AstroHTTP
import AstroTestKit
import Glibc
import Testing

@testable import AstroAgents

struct HTTPAgentTests {
  let directory = TemporaryDirectory()
  let key = AttemptKey(workflow: WorkflowID(unchecked: "w-1"), task: "fetch", number: 1)
  var run: RunDirectory { RunDirectory(key.workflow, in: directory.path) }

  func agent(
    _ settings: HTTPAgent.Settings = .init(), allowing hosts: [String] = ["127.0.0.0/8"]
  ) throws -> HTTPAgent {
    let patterns = try hosts.map { try #require(HostPattern($0)) }
    let pool = try HTTPClientPool(.init(addresses: .publicOnly(allowing: patterns)))
    return HTTPAgent(settings, transport: pool, clock: FixedClock())
  }

  func request(_ with: [String: JSONValue], secrets: [String] = []) -> PerformanceRequest {
    PerformanceRequest(
      key: key, user: "u", agent: "web", with: .map(with), secrets: secrets, directory: run,
      promise: AttemptPromise())
  }

  func perform(
    _ with: [String: JSONValue], by agent: HTTPAgent? = nil, secrets: [String] = []
  ) async throws -> PerformanceResult {
    try await (agent ?? self.agent()).perform(request(with, secrets: secrets), desk: NoDesk())
  }

  func ending(
    _ with: [String: JSONValue], by agent: HTTPAgent? = nil, secrets: [String] = []
  ) async throws -> PerformanceResult.Ending {
    guard case .ended(let ending) = try await perform(with, by: agent, secrets: secrets) else {
      Issue.record("it did not end")
      return .init(.cancelled)
    }
    return ending
  }

  var stdout: [UInt8]? { content(run.attempt(key) + "/stdout") }

  func content(_ path: String) -> [UInt8]? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
    return bytes
  }

  /// What lies in the attempt's directory.
  var leftovers: [String] {
    guard let stream = opendir(run.attempt(key)) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  @Test func theBodyIsTheOutput() async throws {
    let server = ScriptedServer(answers: [
      ScriptedServer.answer(201, ["Content-Type: text/plain"], body: "\n two words \n")
    ])
    let ending = try await ending(["url": .string(server.url + "/x"), "headers": .map(["X-Key": .string("k")])])
    let outputs = ["status": "201", "content_type": "text/plain", "bytes": "13"]
    #expect(ending == .init(.completed, outputs: outputs, stdout: "two words"))
    #expect(stdout == Array("\n two words \n".utf8))
    #expect(leftovers == ["stdout"])
    let seen = try #require(server.requests.first)
    #expect(seen.line == "GET /x HTTP/1.1")
    #expect(seen.headers["x-key"] == "k")
  }

  @Test func anEmptyBodyLeavesNothing() async throws {
    let server = ScriptedServer(answers: [ScriptedServer.answer(204)])
    let ending = try await ending(["url": .string(server.url)])
    #expect(ending == .init(.completed, outputs: ["status": "204", "content_type": "", "bytes": "0"]))
    #expect(stdout == nil)
    #expect(access(run.path, F_OK) != 0)
  }

  @Test func bodiesOfRequests() async throws {
    let server = ScriptedServer(answers: [ScriptedServer.answer()])
    func send(_ with: [String: JSONValue]) async throws -> ScriptedRequest {
      let all = with.merging(["url": .string(server.url), "method": .string("post")]) { $1 }
      // Each is another attempt: one that was sent is not sent again.
      unlink(run.attempt(key) + "/.sent")
      #expect(try await ending(all).ending == .completed)
      return try #require(server.requests.last)
    }
    let json = try await send(["json": .map(["b": .list([.integer(1), .null]), "a": .string("ü")])])
    #expect(json.line == "POST / HTTP/1.1")
    #expect(json.headers["content-type"] == "application/json")
    #expect(json.body == Array(#"{"a":"ü","b":[1,null]}"#.utf8))
    let form = try await send(["form": .map(["q": .string("a b&c=ü~"), "n": .integer(1)])])
    #expect(form.headers["content-type"] == "application/x-www-form-urlencoded")
    #expect(form.body == Array("n=1&q=a+b%26c%3D%C3%BC%7E".utf8))
    let text = try await send(["body": .string("<x/>"), "headers": .map(["Content-Type": .string("text/xml")])])
    #expect(text.headers["content-type"] == "text/xml")
    #expect(text.body == Array("<x/>".utf8))
    let own = try await send(["json": .list([]), "headers": .map(["content-TYPE": .string("application/a+json")])])
    #expect(own.headers["content-type"] == "application/a+json")
  }

  @Test func valuesAreTakenOutOfJSON() async throws {
    let body = #"{"data": [{"id": 7, "tags": ["a"], "none": null, "a.b": true}], "n": 1.5}"#
    let server = ScriptedServer(answers: [ScriptedServer.answer(body: body)])
    let extract: [String: JSONValue] = [
      "id": .string("data[0].id"), "tags": .string("data[0].tags"), "none": .string("data[0].none"),
      "dotted": .string(#"data[0]["a.b"]"#), "n": .string("n"),
    ]
    let ending = try await ending(["url": .string(server.url), "extract": .map(extract)])
    #expect(ending.ending == .completed)
    #expect(ending.outputs["id"] == "7")
    #expect(ending.outputs["tags"] == #"["a"]"#)
    #expect(ending.outputs["none"] == "")
    #expect(ending.outputs["dotted"] == "true")
    #expect(ending.outputs["n"] == "1.5")
  }

  @Test(arguments: [
    (#"{"data": []}"#, "extract.id: nothing at 'data[0].id'"), ("[]", "extract.id: nothing at 'data[0].id'"),
    ("<html>", "the body is not JSON: JSON has an unexpected '<' at offset 0"),
    ("", "the body is not JSON: JSON ends too early"),
    ("{\"data\": \"\u{7}\"}", "the body is not JSON: JSON string holds a raw control character"),
  ])
  func whatIsNotThereCannotBeTakenOut(_ body: String, _ flaw: String) async throws {
    let server = ScriptedServer(answers: [ScriptedServer.answer(body: body)])
    let ending = try await ending([
      "url": .string(server.url), "extract": .map(["id": .string("data[0].id")]),
    ])
    #expect(ending.ending == .invalidOutput)
    #expect(ending.message == flaw)
    #expect(!ending.infrastructure)
    #expect(ending.stdout == body)
  }

  @Test func aStatusThatIsNotExpected() async throws {
    let body = "<p>\n\ttry   later\u{1B}[2J " + String(repeating: "é", count: 300)
    let server = ScriptedServer(answers: [ScriptedServer.answer(503, body: body)])
    let ending = try await ending(["url": .string(server.url)])
    let shown = "<p> try later?[2J " + String(repeating: "é", count: 182)
    #expect(ending.ending == .providerError)
    #expect(ending.message == "HTTP 503 from 127.0.0.1:\(server.port): \(shown)")
    #expect(!ending.infrastructure)
    #expect(ending.outputs["status"] == "503")
    #expect(stdout == Array(body.utf8))
  }

  @Test(arguments: [
    (JSONValue.integer(404), 404, true), (.integer(404), 200, false), (.string("2xx"), 299, true),
    (.string("2XX"), 302, false), (.list([.integer(200), .string("4xx")]), 418, true),
    (.list([.integer(200), .string("404")]), 404, true), (.string("3xx"), 304, true),
  ])
  func expectedStatus(_ expect: JSONValue, _ status: Int, _ isExpected: Bool) async throws {
    let server = ScriptedServer(answers: [ScriptedServer.answer(status)])
    let ending = try await ending(["url": .string(server.url), "expect": expect])
    #expect(ending.ending == (isExpected ? .completed : .providerError))
    #expect(ending.message == (isExpected ? nil : "HTTP \(status) from 127.0.0.1:\(server.port)"))
  }

  @Test(arguments: [
    ("120", "2026-11-29T12:02:00Z"), (" 5 ", "2026-11-29T12:00:05Z"), ("0", "2026-11-29T12:00:01Z"),
    ("Sun, 29 Nov 2026 13:00:00 GMT", "2026-11-29T13:00:00Z"),
    ("Sun, 06 Nov 1994 08:49:37 GMT", "2026-11-29T12:00:01Z"),
    ("Sunday, 06-Nov-94 08:49:37 GMT", "2026-11-29T12:00:01Z"), ("3601", "2026-11-29T13:00:00Z"),
    ("99999999999999999999", "2026-11-29T13:00:00Z"), ("Sun, 29 Nov 2099 12:00:00 GMT", "2026-11-29T13:00:00Z"),
  ])
  func aServerThatAsksToWaitIsWaitedFor(_ header: String, _ until: String) async throws {
    let server = ScriptedServer(answers: [ScriptedServer.answer(429, ["Retry-After: \(header)"], body: "slow down")])
    let result = try await perform(["url": .string(server.url)])
    let time = try #require(Timestamp(rfc3339: until))
    #expect(result == .parked(LimitRefusal(.server("127.0.0.1:\(server.port)"), until: time), next: nil))
    #expect(stdout == nil)
  }

  @Test func theServerOfAnAgentSpeaksForAllItsTasks() async throws {
    let server = ScriptedServer(answers: [ScriptedServer.answer(429, ["Retry-After: 5"])])
    let result = try await perform(["url": .string("/")], by: agent(HTTPAgent.Settings(baseURL: server.url)))
    guard case .parked(let refusal, nil) = result else {
      Issue.record("it is not parked")
      return
    }
    #expect(refusal.origin == .provider(of: "web"))
    #expect(refusal.place == LimitPlace(limiter: "provider", key: "web"))
  }

  @Test(arguments: [nil, "soon", "-5", "1.5", "Someday, 06-Nov-94 08:49:37 GMT"])
  func oneThatDoesNotSayHowLongIsNot(_ header: String?) async throws {
    let headers = header.map { ["Retry-After: \($0)"] } ?? []
    let server = ScriptedServer(answers: [ScriptedServer.answer(429, headers, body: "slow down")])
    let ending = try await ending(["url": .string(server.url)])
    #expect(ending.ending == .rateLimited)
    #expect(ending.message == "HTTP 429 from 127.0.0.1:\(server.port): slow down")
  }

  @Test func anAnswerThatIsTooLongLeavesNothing() async throws {
    let server = ScriptedServer(answers: [ScriptedServer.answer(body: String(repeating: "x", count: 5000))])
    let ending = try await ending(["url": .string(server.url), "max_bytes": .string("4K")])
    #expect(ending.ending == .truncated)
    #expect(
      ending.message == "127.0.0.1:\(server.port): the answer is longer than 4KiB, which max_bytes allows")
    #expect(leftovers.isEmpty)
    let whole = try await self.ending(["url": .string(server.url), "max_bytes": .integer(5000)])
    #expect(whole.outputs["bytes"] == "5000")
  }

  @Test func aBrokenAnswerLeavesNothing() async throws {
    let server = ScriptedServer { connection in
      _ = connection.request()
      connection.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345")
    }
    let ending = try await ending(["url": .string(server.url)])
    let flaw = "\(server.url): the connection was closed in the middle of the answer, after 5 bytes"
    #expect(ending == .init(.providerError, message: flaw))
    #expect(leftovers.isEmpty)
  }

  @Test func whatARunnerLeftThatDiedIsReplaced() async throws {
    for path in [run.path, run.path + "/tasks", run.path + "/tasks/fetch", run.attempt(key)] { mkdir(path, 0o700) }
    for name in ["stdout", ".stdout.part"] {
      let file = fopen(run.attempt(key) + "/" + name, "w")
      fputs("old and long", file)
      fclose(file)
    }
    let server = ScriptedServer(answers: [ScriptedServer.answer(body: "new"), ScriptedServer.answer()])
    #expect(try await ending(["url": .string(server.url)]).stdout == "new")
    #expect(leftovers == ["stdout"])
    #expect(try await ending(["url": .string(server.url)]).stdout == "")
    #expect(leftovers.isEmpty)
  }

  @Test func whoseFaultItIs() async throws {
    let dead = "http://127.0.0.1:\(ScriptedServer.deadPort())/"
    #expect(
      try await ending(["url": .string(dead)])
        == .init(.providerError, message: "\(dead): no connection: Connection refused", infrastructure: true))
    let silent = ScriptedServer { $0.awaitClose() }
    #expect(
      try await ending(["url": .string(silent.url), "timeout": .string("100ms")])
        == .init(.timeout, message: "\(silent.url): not finished within 100ms"))
    let closed = "http://10.0.0.1/latest"
    #expect(
      try await ending(["url": .string(closed)])
        == .init(
          .refused, message: "\(closed): 10.0.0.1 is a private address, which only the agent's allow_hosts can open"))
    #expect(
      try await ending(["url": .string("ftp://x/")])
        == .init(.toolError, message: "ftp://x/: a URL begins with http:// or https://"))
    #expect(
      try await ending(["url": .string("http://x/"), "headers": .map(["a": .string("secret\n")])])
        == .init(
          .toolError, message: "http://x/: the header field 'a' has a line break or another control character"))
  }

  @Test func cancellingEndsItAndLeavesNothing() async throws {
    let (events, told) = AsyncStream.makeStream(of: Bool.self)
    let server = ScriptedServer { connection in
      _ = connection.request()
      connection.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345")
      told.yield(true)
      told.yield(connection.awaitClose())
    }
    let (agent, request) = (try agent(), request(["url": .string(server.url)]))
    // Outside any group: it is cancelled while it reads.
    let performing = Task { await agent.perform(request, desk: NoDesk()) }
    var event = events.makeAsyncIterator()
    #expect(await event.next() == true)
    performing.cancel()
    #expect(await performing.value == .ended(.init(.cancelled, message: "\(server.url): cancelled")))
    #expect(await event.next() == true)
    #expect(leftovers.isEmpty)
  }

  @Test func redirectsAreFollowedAsTold() async throws {
    let server = ScriptedServer { connection in
      while let request = connection.request() {
        let isFirst = request.line.hasPrefix("GET /a ")
        connection.send(isFirst ? ScriptedServer.answer(302, ["location: b"]) : ScriptedServer.answer(body: "there"))
      }
    }
    #expect(try await ending(["url": .string(server.url + "/a")]).stdout == "there")
    let ending = try await ending([
      "url": .string(server.url + "/a"), "redirects": .integer(0), "expect": .integer(302),
    ])
    #expect(ending.outputs["status"] == "302")
  }

  @Test func theAgentsOwnFieldsGoToItsServerOnly() async throws {
    let home = ScriptedServer(answers: [ScriptedServer.answer(body: "home")])
    let other = ScriptedServer(answers: [ScriptedServer.answer(body: "other")])
    let agent = try agent(.init(baseURL: home.url + "/v1", headers: [("X-Key", "secret"), ("X-A", "agent")]))
    #expect(
      try await ending(["url": .string("/x"), "headers": .map(["x-a": .string("task")])], by: agent).stdout == "home")
    let seen = try #require(home.requests.last)
    #expect(seen.line == "GET /v1/x HTTP/1.1")
    #expect(seen.headers["x-key"] == "secret")
    #expect(seen.headers["x-a"] == "task")
    #expect(try await ending(["url": .string(other.url)], by: agent).stdout == "other")
    #expect(other.requests.last?.headers["x-key"] == nil)
    let plain = try self.agent(.init(headers: [("X-Key", "k")]))
    _ = try await ending(["url": .string(other.url)], by: plain)
    #expect(other.requests.last?.headers["x-key"] == "k")
  }

  // MARK: Secrets

  /// A server that repeats its caller's fields in JSON, a byte at a time.
  func echo(_ status: Int = 200) -> ScriptedServer {
    ScriptedServer { connection in
      while let request = connection.request() {
        let (own, agents) = (request.headers["x-own"] ?? "", request.headers["x-agent"] ?? "")
        let body = #"{"own": "\#(own)", "agents": "\#(agents)", "both": ["\#(own)", 1]}"#
        connection.send("HTTP/1.1 \(status) Told\r\ncontent-type: text/\(own)\r\ntransfer-encoding: chunked\r\n\r\n")
        for character in body { connection.send("1\r\n\(character)\r\n") }
        connection.send("0\r\n\r\n")
      }
    }
  }

  @Test func secretsThatAServerRepeatsAreWrittenAndToldNowhere() async throws {
    let server = echo()
    let agent = try agent(.init(headers: [("X-Agent", "a9ent-secret")], secrets: ["a9ent-secret"]))
    let extract: [String: JSONValue] = [
      "own": .string("own"), "agents": .string("agents"), "both": .string("both"),
    ]
    let ending = try await ending(
      [
        "url": .string(server.url), "headers": .map(["X-Own": .string("t4sk-secret")]), "extract": .map(extract),
      ], by: agent, secrets: ["t4sk-secret"])
    let masked = #"{"own": "***", "agents": "***", "both": ["***", 1]}"#
    let outputs = [
      "status": "200", "bytes": "76", "content_type": "text/***", "own": "***", "agents": "***", "both": #"["***",1]"#,
    ]
    #expect(ending == .init(.completed, outputs: outputs, stdout: masked))
    #expect(stdout == Array(masked.utf8))
    #expect(server.requests.first?.headers["x-own"] == "t4sk-secret")
  }

  @Test func secretsInTheWordsOfAFailureAreToldNowhere() async throws {
    let server = echo(500)
    let own: [String: JSONValue] = ["X-Own": .string("t4sk-secret")]
    let ending = try await ending(
      ["url": .string(server.url), "headers": .map(own)], secrets: ["t4sk-secret"])
    let shown = #"{"own": "***", "agents": "", "both": ["***", 1]}"#
    #expect(ending.message == "HTTP 500 from 127.0.0.1:\(server.port): \(shown)")
    #expect(ending.stdout == shown && stdout == Array(shown.utf8))
    let moved = ScriptedServer(answers: [ScriptedServer.answer(302, ["location: ftp://x/t4sk-secret"])])
    let told = try await self.ending(["url": .string(moved.url)], secrets: ["t4sk-secret"]).message
    #expect(told?.contains("***") == true && told?.contains("t4sk-secret") == false)
  }

  /// What is shown of a body is cut; cut before it is masked, half a secret would be shown.
  @Test func aSecretAtTheEndOfWhatIsShownIsMaskedWhole() async throws {
    let body = String(repeating: " ", count: 1015) + "t4sk-secret"
    let server = ScriptedServer(answers: [ScriptedServer.answer(500, body: body)])
    let ending = try await ending(["url": .string(server.url)], secrets: ["t4sk-secret"])
    #expect(ending.message == "HTTP 500 from 127.0.0.1:\(server.port): ***")
  }

  @Test func probing() async throws {
    #expect(try await agent().probe() == nil)
    let server = ScriptedServer { connection in
      while connection.request() != nil { connection.send("HTTP/1.1 404 No\r\ncontent-length: 5\r\n\r\n") }
    }
    #expect(try await agent(.init(baseURL: server.url)).probe() == nil)
    #expect(server.requests.map(\.line) == ["HEAD / HTTP/1.1"])
    let dead = "http://127.0.0.1:\(ScriptedServer.deadPort())"
    #expect(try await agent(.init(baseURL: dead)).probe() == "\(dead): no connection: Connection refused")
  }
}
