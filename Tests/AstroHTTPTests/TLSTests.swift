import AstroCore
import AstroTestKit
import Testing

@testable import AstroHTTP

@Suite(.serialized) struct TLSTests {
  static func pool(
    _ authorities: String?, _ addresses: AddressPolicy = .allowAll, _ names: [String: [String]] = [:]
  ) throws -> HTTPClientPool {
    try HTTPClientPool(.init(addresses: addresses, authorities: authorities), resolver: Names(names))
  }

  @Test func anAuthorityOfOnesOwn() async throws {
    let server = TLSServer(names: "DNS:localhost,IP:127.0.0.1")
    for host in ["localhost", "127.0.0.1"] {
      let url = "https://\(host):\(server.port)/x"
      #expect(try await Self.pool(server.authorities).text(url).contains("s_server"))
      #expect(try await Self.pool(nil).flaw(url) == "\(url): no encrypted connection: certificate verify failed")
    }
  }

  @Test func theNameOfTheURLIsVerifiedAlsoWhereTheAddressIsPinned() async throws {
    let server = TLSServer(names: "DNS:name.test")
    let loopback = try #require(HostPattern("127.0.0.0/8"))
    let names = ["name.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]]
    let pool = try Self.pool(server.authorities, .publicOnly(allowing: [loopback]), names)
    #expect(try await pool.text("https://name.test:\(server.port)/x").contains("s_server"))
    let other = "https://other.test:\(server.port)/x"
    #expect(await pool.flaw(other).hasPrefix("\(other): no encrypted connection: "))
  }

  /// The tunnel leads to the address that was checked, and inside it the server has to be who the URL says.
  @Test func throughATunnel() async throws {
    let server = TLSServer(names: "DNS:name.test")
    let port = server.port
    let proxy = ScriptedServer { connection in
      guard connection.request() != nil else { return }
      connection.send("HTTP/1.1 200 Established\r\n\r\n")
      connection.relay(to: port)
    }
    let names = ["name.test": ["93.184.216.34"], "other.test": ["93.184.216.34"]]
    let rules = try ProxyRules(environment: ["HTTPS_PROXY": proxy.url])
    let pool = try HTTPClientPool(
      .init(addresses: .publicOnly(allowing: []), proxies: rules, authorities: server.authorities),
      resolver: Names(names))
    #expect(try await pool.text("https://name.test/x").contains("s_server"))
    #expect(proxy.requests.map(\.line) == ["CONNECT 93.184.216.34:443 HTTP/1.1"])
    #expect(await pool.flaw("https://other.test/x").hasPrefix("https://other.test/x: no encrypted connection: "))
  }

  @Test func aServerThatDoesNotEncrypt() async throws {
    let server = ScriptedServer { connection in
      connection.send("HTTP/1.1 400 Bad\r\n\r\n")
      connection.awaitClose()
    }
    let url = "https://127.0.0.1:\(server.port)/x"
    #expect(try await Self.pool(nil).flaw(url) == "\(url): no encrypted connection: wrong version number")
  }

  @Test func aServerThatHangsUp() async throws {
    let server = ScriptedServer { _ in }
    let url = "https://127.0.0.1:\(server.port)/x"
    let flaw = try await Self.pool(nil).flaw(url)
    #expect(flaw.hasPrefix("\(url): no "))
  }

  @Test func aFileWithoutCertificates() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("none.pem")
    let failure = Failure(
      .configuration, subject: path, message: "cannot be read, or holds no certificate in PEM")
    #expect(throws: failure) { try Self.pool(path) }
    #expect(throws: Failure.self) { try Self.pool("/dev/null") }
  }
}
