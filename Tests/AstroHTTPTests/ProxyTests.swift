import AstroCore
import AstroTestKit
import Testing

@testable import AstroHTTP

struct ProxyTests {
  /// A proxy that answers what comes through it itself.
  static func proxy(_ answer: String = "HTTP/1.1 200 Established\r\n\r\n") -> ScriptedServer {
    ScriptedServer { connection in
      while let request = connection.request() {
        connection.send(request.line.hasPrefix("CONNECT ") ? answer : ScriptedServer.answer(body: "through"))
      }
    }
  }

  static func pool(
    _ proxy: String, _ addresses: AddressPolicy = .allowAll, _ names: [String: [String]] = [:]
  ) throws -> HTTPClientPool {
    let rules = try ProxyRules(environment: ["http_proxy": proxy, "https_proxy": proxy])
    return try HTTPClientPool(
      .init(addresses: addresses, proxies: rules), resolver: Names(names), keeping: .seconds(600))
  }

  @Test func plainRequestsAreInAbsoluteForm() async throws {
    let proxy = Self.proxy()
    let pool = try Self.pool("http://us%65r:p%40ss@127.0.0.1:\(proxy.port)")
    for _ in 1...2 { #expect(try await pool.text("http://server.test:8080/x?y") == "through") }
    let seen = try #require(proxy.requests.last)
    #expect(seen.line == "GET http://server.test:8080/x?y HTTP/1.1")
    #expect(seen.headers["host"] == "server.test:8080")
    #expect(seen.headers["proxy-authorization"] == "Basic dXNlcjpwQHNz")
    #expect(proxy.connections == 1)
  }

  @Test func encryptedOnesGoThroughATunnel() async throws {
    let proxy = Self.proxy("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n")
    let pool = try Self.pool("user:pass@127.0.0.1:\(proxy.port)")
    let flaw = await pool.flaw("https://server.test/x")
    #expect(flaw == "https://server.test/x: no connection through the proxy: it refuses")
    let seen = try #require(proxy.requests.first)
    #expect(seen.line == "CONNECT server.test:443 HTTP/1.1")
    #expect(seen.headers["proxy-authorization"] == "Basic dXNlcjpwYXNz")
  }

  @Test func aProxyThatWantsAPassword() async throws {
    let proxy = Self.proxy("HTTP/1.1 407 Who\r\ncontent-length: 0\r\n\r\n")
    let flaw = try await Self.pool("127.0.0.1:\(proxy.port)").flaw("https://server.test/x")
    #expect(flaw == "https://server.test/x: no connection through the proxy: it wants another user and password")
  }

  @Test func aDeadProxyIsNamedByItsRefusal() async throws {
    let flaw = try await Self.pool("127.0.0.1:\(ScriptedServer.deadPort())").flaw("http://server.test/x")
    #expect(flaw == "http://server.test/x: no connection: Connection refused")
  }

  @Test func aGuardedNameGoesThroughAsTheAddressThatWasChecked() async throws {
    let proxy = Self.proxy()
    let names = ["server.test": ["93.184.216.34"], "inner.test": ["10.0.0.1"]]
    let pool = try Self.pool("127.0.0.1:\(proxy.port)", .publicOnly(allowing: []), names)
    #expect(try await pool.text("http://server.test/x") == "through")
    #expect(proxy.requests.map(\.line) == ["CONNECT 93.184.216.34:80 HTTP/1.1", "GET /x HTTP/1.1"])
    #expect(proxy.requests.last?.headers["host"] == "server.test")
    #expect(await pool.flaw("http://inner.test/x").contains("10.0.0.1 is a private address"))
    #expect(proxy.requests.count == 2)
  }

  @Test func secretsDoNotGoToTheServer() async throws {
    let proxy = Self.proxy()
    let pool = try Self.pool("http://u:p@127.0.0.1:\(proxy.port)", .publicOnly(allowing: []), ["s.test": ["8.8.8.8"]])
    _ = try await pool.text("http://s.test/")
    #expect(proxy.requests.last?.headers["proxy-authorization"] == nil)
  }

  @Test(arguments: [
    ("", "http://a.example/", true), ("*", "http://a.example/", false), ("a.example", "http://a.example/", false),
    ("example", "http://a.example/", false), (".example", "http://a.example/", false),
    ("*.example", "http://a.example/", false), (".a.example", "http://a.example/", false),
    ("ample", "http://a.example/", true), ("b.example, a.example", "http://a.example/", false),
    ("b.example a.example", "http://a.example/", false), ("a.example:81", "http://a.example/", true),
    ("a.example:80", "http://a.example/", false), ("A.Example.", "http://a.EXAMPLE/", false),
    ("192.0.2.0/24", "http://192.0.2.9/", false), ("192.0.2.9", "http://192.0.2.9/", false),
    ("192.0.2.0/24", "http://192.0.3.9/", true), ("2001:db8::/32", "http://[2001:db8::1]/", false),
    ("[2001:db8::1]:80", "http://[2001:db8::1]/", false), ("a b,,http://x", "http://c/", true),
    ("", "http://localhost/", false), ("", "http://127.0.0.1:4000/", false), ("", "http://[::1]/", false),
    ("", "http://x.localhost/", false),
  ])
  func exceptions(_ list: String, _ url: String, _ isProxied: Bool) throws {
    let rules = try ProxyRules(environment: ["ALL_PROXY": "http://p:3128", "NO_PROXY": list])
    #expect((rules.proxy(for: try HTTPURL(url)) != nil) == isProxied)
  }

  @Test func whichVariableCounts() throws {
    let rules = try ProxyRules(environment: [
      "http_proxy": "one:1", "HTTP_PROXY": "two:2", "HTTPS_PROXY": "http://three", "ALL_PROXY": "four:4",
      "https_proxy": "",
    ])
    #expect(rules.proxy(for: try HTTPURL("http://a/")) == (try Proxy("one:1")))
    #expect(rules.proxy(for: try HTTPURL("https://a/")) == (try Proxy("three:80")))
    let all = try ProxyRules(environment: ["all_proxy": "socks5h://[2001:db8::1]"])
    let socks = try #require(all.proxy(for: try HTTPURL("http://a/")))
    #expect(socks.kind == .socks)
    #expect(socks.host == "2001:db8::1")
    #expect(socks.port == 1080)
    #expect(ProxyRules.none.proxy(for: try HTTPURL("http://a/")) == nil)
  }

  @Test(arguments: [
    ("https://p:1", "its scheme is neither http nor socks5"), ("http://", "the host is missing"),
    ("p:x", "a port is a number from 1 to 65535"), ("socks5://u:p@h", "SOCKS with a password is not supported"),
    ("http://u:se cret@h x:1", "a URL has no space; write %20"),
  ])
  func proxiesThatAreNone(_ text: String, _ flaw: String) {
    let failure = Failure(.configuration, subject: "HTTPS_PROXY", message: "is no proxy: \(flaw)")
    #expect(throws: failure) { try ProxyRules(environment: ["HTTPS_PROXY": text]) }
  }
}
