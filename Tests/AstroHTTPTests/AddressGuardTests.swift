import AstroTestKit
import Testing

@testable import AstroHTTP

struct AddressGuardTests {
  /// Every way to write what is closed. The names are those of ``names``.
  static let closed = [
    // Loopback.
    ("127.0.0.1", "127.0.0.1 is a loopback address"), ("127.1", "127.0.0.1 is a loopback address"),
    ("127.0.1", "127.0.0.1 is a loopback address"), ("127.255.255.254", "127.255.255.254 is a loopback address"),
    ("2130706433", "127.0.0.1 is a loopback address"), ("0x7f000001", "127.0.0.1 is a loopback address"),
    ("0X7F.1", "127.0.0.1 is a loopback address"), ("0x7f.0.0.0x1", "127.0.0.1 is a loopback address"),
    ("0177.0.0.1", "127.0.0.1 is a loopback address"), ("0177.1", "127.0.0.1 is a loopback address"),
    ("017700000001", "127.0.0.1 is a loopback address"), ("00000177.0.0.01", "127.0.0.1 is a loopback address"),
    ("127.0.0.1.", "127.0.0.1 is a loopback address"), ("127.0x0.00.1", "127.0.0.1 is a loopback address"),
    ("127.16777215", "no"), ("127.0.65535", "127.0.255.255 is a loopback address"),
    ("[::1]", "::1 is a loopback address"), ("[0:0:0:0:0:0:0:1]", "::1 is a loopback address"),
    ("[0000::0001]", "::1 is a loopback address"), ("[::0.0.0.1]", "::1 is a loopback address"),
    ("[::ffff:127.0.0.1]", "::ffff:127.0.0.1 is a loopback address inside IPv6"),
    ("[::FFFF:7f00:1]", "::ffff:127.0.0.1 is a loopback address inside IPv6"),
    ("[0:0:0:0:0:ffff:127.0.0.1]", "::ffff:127.0.0.1 is a loopback address inside IPv6"),
    ("[::127.0.0.1]", "::127.0.0.1 is no public address"), ("[::7f00:1]", "::127.0.0.1 is no public address"),
    ("[64:ff9b::127.0.0.1]", "64:ff9b::7f00:1 is a loopback address inside IPv6"),
    ("[64:ff9b::7f00:1]", "64:ff9b::7f00:1 is a loopback address inside IPv6"),
    ("[64:ff9b:1::7f00:1]", "64:ff9b:1::7f00:1 is a private address"),
    ("[2002:7f00:1::]", "2002:7f00:1:: is a 6to4 address"),
    ("[2001::1]", "2001::1 is a Teredo address"),
    ("[::ffff:0:127.0.0.1]", "::ffff:0:7f00:1 is no public address"),
    // Unspecified, which connects to this machine.
    ("0.0.0.0", "0.0.0.0 is an unspecified address"), ("0", "0.0.0.0 is an unspecified address"),
    ("0x0", "0.0.0.0 is an unspecified address"), ("0x", "0.0.0.0 is an unspecified address"),
    ("00", "0.0.0.0 is an unspecified address"), ("0.1.2.3", "0.1.2.3 is an unspecified address"),
    ("[::]", ":: is an unspecified address"),
    ("[::ffff:0.0.0.0]", "::ffff:0.0.0.0 is an unspecified address inside IPv6"),
    // Private.
    ("10.0.0.1", "10.0.0.1 is a private address"), ("10.1", "10.0.0.1 is a private address"),
    ("167772161", "10.0.0.1 is a private address"), ("0xa.1", "10.0.0.1 is a private address"),
    ("012.0.0.1", "10.0.0.1 is a private address"), ("172.16.0.1", "172.16.0.1 is a private address"),
    ("172.31.255.255", "172.31.255.255 is a private address"), ("192.168.1.1", "192.168.1.1 is a private address"),
    ("3232235777", "192.168.1.1 is a private address"), ("0xc0a80101", "192.168.1.1 is a private address"),
    ("[::ffff:10.0.0.1]", "::ffff:10.0.0.1 is a private address inside IPv6"),
    ("[fc00::1]", "fc00::1 is a private address"), ("[fd12:3456::1]", "fd12:3456::1 is a private address"),
    ("[fec0::1]", "fec0::1 is a private address"), ("100.64.0.1", "100.64.0.1 is a shared address of a provider"),
    ("100.127.255.255", "100.127.255.255 is a shared address of a provider"),
    // Link-local and metadata.
    ("169.254.1.1", "169.254.1.1 is a link-local address"), ("[fe80::1]", "fe80::1 is a link-local address"),
    ("[febf::1]", "febf::1 is a link-local address"),
    ("169.254.169.254", "169.254.169.254 is a cloud's metadata address"),
    ("2852039166", "169.254.169.254 is a cloud's metadata address"),
    ("0xa9fea9fe", "169.254.169.254 is a cloud's metadata address"),
    ("0251.0376.0251.0376", "169.254.169.254 is a cloud's metadata address"),
    ("169.254.43518", "169.254.169.254 is a cloud's metadata address"),
    ("[::ffff:a9fe:a9fe]", "::ffff:169.254.169.254 is a cloud's metadata address inside IPv6"),
    ("[64:ff9b::a9fe:a9fe]", "64:ff9b::a9fe:a9fe is a cloud's metadata address inside IPv6"),
    ("169.254.170.2", "169.254.170.2 is a cloud's metadata address"),
    ("100.100.100.200", "100.100.100.200 is a cloud's metadata address"),
    ("192.0.0.192", "192.0.0.192 is a cloud's metadata address"),
    ("168.63.129.16", "168.63.129.16 is a cloud's metadata address"),
    ("[fd00:ec2::254]", "fd00:ec2::254 is a cloud's metadata address"),
    ("[fd20:ce::254]", "fd20:ce::254 is a cloud's metadata address"),
    // Multicast and the rest.
    ("224.0.0.1", "224.0.0.1 is a multicast address"), ("239.255.255.250", "239.255.255.250 is a multicast address"),
    ("[ff02::1]", "ff02::1 is a multicast address"), ("255.255.255.255", "255.255.255.255 is a reserved address"),
    ("4294967295", "255.255.255.255 is a reserved address"), ("240.0.0.1", "240.0.0.1 is a reserved address"),
    ("192.0.2.1", "192.0.2.1 is an address of documentation"), ("198.18.0.1", "198.18.0.1 is an address of benchmarks"),
    ("192.88.99.1", "192.88.99.1 is a 6to4 address"), ("[100::1]", "100::1 is a reserved address"),
    ("[2001:db8::1]", "2001:db8::1 is an address of documentation"),
    ("[3fff::1]", "3fff::1 is an address of documentation"), ("[4000::1]", "4000::1 is no public address"),
    // Names.
    ("localhost", "127.0.0.1 is a loopback address"), ("LOCALHOST.", "127.0.0.1 is a loopback address"),
    ("metadata.google.internal", "169.254.169.254 is a cloud's metadata address"),
    ("127.0.0.1.nip.io", "127.0.0.1 is a loopback address"),
    ("two.example", "10.0.0.7 is a private address"), ("six.example", "::1 is a loopback address"),
  ]

  static let names = [
    "localhost": ["127.0.0.1"], "metadata.google.internal": ["169.254.169.254"], "127.0.0.1.nip.io": ["127.0.0.1"],
    "two.example": ["93.184.216.34", "10.0.0.7"], "six.example": ["93.184.216.34", "::1"],
  ]

  @Test(arguments: closed) func isClosed(_ host: String, _ flaw: String) async throws {
    let pool = try HTTPClientPool(.init(addresses: .publicOnly(allowing: [])), resolver: Names(Self.names))
    let url = "http://\(host)/x"
    let expected = flaw == "no" ? "127.255.255.255 is a loopback address" : flaw
    #expect(await pool.flaw(url) == "\(url): \(expected), which only the agent's allow_hosts can open")
  }

  /// What one parser takes for one host and another for another is nobody's.
  @Test(arguments: [
    "http://example.com@127.0.0.1/", "http://127.0.0.1@example.com/", "http://127.0.0.1:80@example.com/",
    "http://127.0.0.1\\@example.com/", "http://example.com\\.127.0.0.1/", "http://127.0.0.1%2f.example.com/",
    "http://127%2e0.0.1/", "http://%31%32%37.0.0.1/", "http://127。0。0。1/", "http://127．0．0．1/", "http://１２７.0.0.1/",
    "http://ⓛocalhost/", "http://loc\u{AD}alhost/", "http://127.0.0.1\t/", "http://127.0.0.1 /", "http://[::1%25lo]/",
    "http://[::ffff:127.0.0.1/", "http://127.0.0.1:80:80/", "http://08.0.0.1/", "http://127..1/", "http://1.1.1.256/",
    "http:127.0.0.1/", "http:\\\\127.0.0.1/", "http://127.0.0.1#@example.com\u{0}/", "http://-0x7f.1/",
    "http://+127.0.0.1/",
  ])
  func isNoURL(_ url: String) async throws {
    let pool = try HTTPClientPool(.init(addresses: .publicOnly(allowing: [])), resolver: Names([:]))
    let failure = await #expect(throws: HTTPFailure.self) { try await pool.get(url) }
    guard case .badRequest = failure?.cause else {
      Issue.record("\(url): \(failure?.sentence ?? "is open")")
      return
    }
  }

  @Test(arguments: [
    "8.8.8.8", "1.1.1.1", "11.0.0.1", "172.15.255.255", "172.32.0.1", "192.167.0.1", "100.63.255.255", "100.128.0.1",
    "169.253.0.1", "168.63.129.17", "223.255.255.255", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808",
    "2a00:1450::1",
  ])
  func isPublic(_ address: String) throws { #expect(SpecialAddress.kind(of: try #require(IPAddress(address))) == nil) }

  @Test func aNameIsResolvedOnceAndThatAddressConnectedTo() async throws {
    let server = ScriptedServer(answers: [ScriptedServer.answer(body: "here")])
    let names = Names(["name.test": ["127.0.0.1"]])
    let loopback = try #require(HostPattern("127.0.0.0/8"))
    let pool = try HTTPClientPool(.init(addresses: .publicOnly(allowing: [loopback])), resolver: names)
    // The system knows no name.test: whoever resolved it a second time would fail.
    #expect(try await pool.text("http://name.test:\(server.port)/x") == "here")
    #expect(await names.asked == ["name.test"])
    #expect(server.requests.first?.headers["host"] == "name.test:\(server.port)")
  }

  @Test func theNextAddressIsTriedWhenOneIsDead() async throws {
    let server = ScriptedServer(answers: [ScriptedServer.answer(body: "second")])
    let loopback = try #require(HostPattern("127.0.0.0/8"))
    let names = Names(["name.test": ["127.0.0.2", "127.0.0.1"]])
    let pool = try HTTPClientPool(.init(addresses: .publicOnly(allowing: [loopback])), resolver: names)
    #expect(try await pool.text("http://name.test:\(server.port)/x") == "second")
  }

  @Test func aRedirectIsCheckedLikeAFirstRequest() async throws {
    let inner = ScriptedServer(answers: [ScriptedServer.answer(body: "secret")])
    let target = "http://localhost:\(inner.port)/"
    let outer = ScriptedServer(answers: [ScriptedServer.answer(302, ["location: \(target)"])])
    let allowed = try #require(HostPattern("127.0.0.1:\(outer.port)"))
    let pool = try HTTPClientPool(.init(addresses: .publicOnly(allowing: [allowed])), resolver: Names(Self.names))
    let failure = HTTPFailure(.denied(address: "127.0.0.1", kind: "a loopback address"), url: target)
    await #expect(throws: failure) {
      try await pool.send(HTTPRequest(url: outer.url), within: patient, redirects: 5)
    }
    #expect(inner.connections == 0)
  }

  @Test(arguments: [
    ("example.com", "http://example.com/", true), ("example.com", "http://EXAMPLE.com.:81/", true),
    ("example.com", "http://www.example.com/", false), ("example.com", "http://badexample.com/", false),
    ("*.example.com", "http://a.b.example.com/", true), ("*.example.com", "http://example.com/", false),
    ("*.example.com", "http://badexample.com/", false), ("example.com:81", "http://example.com:81/", true),
    ("example.com:81", "http://example.com/", false), ("example.com:443", "https://example.com/", true),
    ("10.0.0.0/8", "http://10.1.2.3/", true), ("10.0.0.0/8", "http://0xa.1/", true),
    ("10.0.0.0/8", "http://11.0.0.1/", false), ("10.0.0.0/8:81", "http://10.1.2.3:81/", true),
    ("10.0.0.0/8:81", "http://10.1.2.3/", false), ("fd00::/8", "http://[fd00::1]/", true),
    ("[fd00::1]:81", "http://[fd00::1]:81/", true), ("fd00::1", "http://[FD00:0::1]/", true),
    ("127.0.0.1", "http://2130706433/", true), ("0.0.0.0/0", "http://127.0.0.1/", true),
  ])
  func allowing(_ pattern: String, _ url: String, _ expected: Bool) throws {
    #expect(try #require(HostPattern(pattern)).matches(HTTPURL(url)) == expected)
  }

  @Test(arguments: [
    "", "*", "*.", "*.*.com", "exa*mple.com", "http://example.com", "example.com/", "10.0.0.1/8", "10.0.0.0/33",
    "10.0.0.0/",
    "a:0", "a:b", "a b", "[::1", "*.10.0.0.1",
  ])
  func patternsThatAreNone(_ text: String) { #expect(HostPattern(text) == nil) }
}
