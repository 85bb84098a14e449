import AstroCore
import AstroHTTP
import Testing

@testable import AstroAgents

struct HTTPTaskTests {
  @Test func whatIsNotSaid() throws {
    let task = try HTTPTask(.map(["url": .string("http://x/")]))
    #expect(task.method == "GET")
    #expect(task.headers.isEmpty)
    #expect(task.body.isEmpty)
    #expect(task.expected == [.any(of: 2)])
    #expect(task.maxBytes == nil)
    #expect(task.redirects == 5)
    #expect(task.timeout == nil)
  }

  @Test func whatIsSaid() throws {
    let task = try HTTPTask(
      .map([
        "url": .string("http://x/"), "method": .string("Put"), "max_bytes": .string("1MiB"), "redirects": .string("0"),
        "timeout": .integer(90), "headers": .map(["b": .integer(1), "a": .bool(true), "c": .null]), "form": .null,
      ]))
    #expect(task.method == "PUT")
    #expect(task.maxBytes == 1 << 20)
    #expect(task.redirects == 0)
    #expect(task.timeout == .seconds(90))
    #expect(task.headers.map(\.name) == ["a", "b"])
    #expect(task.headers.map(\.value) == ["true", "1"])
  }

  struct Flaw: Sendable, CustomTestStringConvertible {
    let with: JSONValue
    let text: String
    var testDescription: String { text }

    init(_ with: [String: JSONValue], _ text: String) {
      self.with = .map(with.merging(["url": .string("http://x/")]) { own, _ in own })
      self.text = text
    }
  }

  static let flaws = [
    Flaw(["methd": .string("GET")], "with: unknown key 'methd'; did you mean 'method'?"),
    Flaw(["zzzzzz": .string("GET")], "with: unknown key 'zzzzzz'"),
    Flaw(["url": .null], "with: 'url' is missing"),
    Flaw(["url": .list([])], "with.url: is a list, and not a text"),
    Flaw(
      ["method": .string("BREW")], "with.method: must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
    Flaw(["headers": .string("a: b")], "with.headers: is a string, and not a mapping"),
    Flaw(["headers": .map(["a": .list([])])], "with.headers.a: is a list, and not a text"),
    Flaw(["body": .string(""), "json": .map([:])], "with: 'body' and 'json' exclude each other"),
    Flaw(["expect": .string("2x")], "with.expect: '2x' is no status; write 200, 2xx, or a list of such"),
    Flaw(["expect": .integer(99)], "with.expect: '99' is no status; write 200, 2xx, or a list of such"),
    Flaw(["expect": .list([.string("6xx")])], "with.expect: '6xx' is no status; write 200, 2xx, or a list of such"),
    Flaw(["expect": .list([])], "with.expect: the list is empty"),
    Flaw(["extract": .map(["a": .string("x..y")])], "with.extract.a: 'x..y' is no path; write data[0].id"),
    Flaw(
      ["extract": .map(["status": .string("x")])],
      "with.extract.status: every request has an output 'status' of its own"),
    Flaw(["max_bytes": .integer(0)], "with.max_bytes: must be a size such as 64MiB"),
    Flaw(["max_bytes": .string("many")], "with.max_bytes: must be a size such as 64MiB"),
    Flaw(["redirects": .integer(21)], "with.redirects: must be an integer from 0 to 20"),
    Flaw(["redirects": .number(1.5)], "with.redirects: must be an integer from 0 to 20"),
    Flaw(["timeout": .string("soon")], "with.timeout: must be a duration such as 30s or 5m"),
    Flaw(["timeout": .integer(0)], "with.timeout: must be a duration such as 30s or 5m"),
  ]

  @Test(arguments: flaws) func whatIsWrong(_ flaw: Flaw) throws {
    let failure = #expect(throws: Failure.self) { try HTTPTask(flaw.with) }
    #expect(failure?.description == flaw.text)
    #expect(failure?.code == .invalidWorkflow)
  }

  @Test func whatIsAskedIsNoMapping() {
    let failure = #expect(throws: Failure.self) { try HTTPTask(.string("http://x/")) }
    #expect(failure?.description == "with: is a string, and not a mapping")
  }

  @Test(
    arguments: [
      ("a", [.member("a")]), ("a.b", [.member("a"), .member("b")]), ("a[0]", [.member("a"), .place(0)]),
      ("[12]", [.place(12)]), ("[0][1].x", [.place(0), .place(1), .member("x")]),
      (#"["a.b"]"#, [.member("a.b")]), (#"a["]\"é\u00e9"].b"#, [.member("a"), .member("]\"éé"), .member("b")]),
      ("ключ", [.member("ключ")]), ("a b", [.member("a b")]), ("0", [.member("0")]),
    ] as [(String, [JSONPath.Step])])
  func paths(_ text: String, _ steps: [JSONPath.Step]) { #expect(JSONPath(text)?.steps == steps) }

  @Test(arguments: [
    "", ".", ".a", "a.", "a..b", "a[", "a[]", "a[x]", "a[-1]", "a[0", "a]", "a[0]b", #"["a"#, #"["a""#, #"["a\"]"#,
    "a[99999999999999999999]", #"a["\x"]"#,
  ])
  func pathsThatAreNone(_ text: String) { #expect(JSONPath(text) == nil) }

  @Test func theEndOfAPathMustBeThere() throws {
    let root: JSONValue = .map(["a": .list([.null, .map(["b": .integer(1)])])])
    #expect(JSONPath("a[1].b")?.value(in: root) == .integer(1))
    #expect(JSONPath("a[0]")?.value(in: root) == .null)
    for path in ["a[2]", "a.b", "b", "a[1].c", "a[1].b.c", "[0]", "a[0].x"] {
      #expect(JSONPath(path)?.value(in: root) == nil)
    }
  }

  @Test func aPathNeedsABase() throws {
    let agent = HTTPAgent(.init(), transport: try HTTPClientPool(), clock: FixedClock())
    let request = PerformanceRequest(
      key: AttemptKey(workflow: WorkflowID(unchecked: "w"), task: "t", number: 1), user: "u", agent: "a",
      with: .map(["url": .string("/x")]), directory: RunDirectory(WorkflowID(unchecked: "w"), in: "/nowhere"),
      promise: AttemptPromise())
    let failure = #expect(throws: Failure.self) { try agent.ceiling(of: request) }
    #expect(failure?.description == "with.url: '/x' is a path, and the agent has no base_url")
  }
}
