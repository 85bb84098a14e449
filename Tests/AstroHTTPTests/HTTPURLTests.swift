import Testing

@testable import AstroHTTP

struct HTTPURLTests {
  @Test(arguments: [
    ("http://example.com", "http://example.com/"),
    ("HTTP://EXAMPLE.com:80/a", "http://example.com/a"),
    ("https://example.com.:443", "https://example.com/"),
    ("https://example.com:8443/?q#f", "https://example.com:8443/?q"),
    ("http://example.com?q=1", "http://example.com/?q=1"),
    ("http://example.com#f", "http://example.com/"),
    ("http://a_b.example:8080/ü?é=|", "http://a_b.example:8080/%C3%BC?%C3%A9=%7C"),
    ("http://[2001:DB8:0:0::1]:81/", "http://[2001:db8::1]:81/"),
    ("http://example.com:/x", "http://example.com/x"),
    ("http://192.0.2.1/", "http://192.0.2.1/"),
    ("http://xn--bcher-kva.example/", "http://xn--bcher-kva.example/"),
    ("http://a.b.c-1.2x/", "http://a.b.c-1.2x/"),
  ])
  func canonical(_ text: String, _ expected: String) throws { #expect(try HTTPURL(text).text == expected) }

  @Test(arguments: [
    ("", "a URL begins with http:// or https://"),
    ("example.com", "a URL begins with http:// or https://"),
    ("ftp://example.com", "a URL begins with http:// or https://"),
    ("http:/example.com", "a URL begins with http:// or https://"),
    ("//example.com", "a URL begins with http:// or https://"),
    ("file:///etc/passwd", "a URL begins with http:// or https://"),
    ("http://", "the host is missing"),
    ("http:///x", "the host is missing"),
    ("http://:80/", "the host is missing"),
    ("http://exam ple.com/", "a URL has no space; write %20"),
    ("http://example.com/\n", "a URL has no control characters"),
    ("http://a\\b/", "a URL has no backslash"),
    ("http://u:p@example.com/", "a URL has no user and password here; use the header 'authorization'"),
    ("http://bücher.example/", "the host is not ASCII; an international name is written with xn--"),
    ("http://a%62.example/", "the host is neither a name nor an address"),
    ("http://a..b/", "the host is neither a name nor an address"),
    ("http://.a/", "the host is neither a name nor an address"),
    ("http://a*/", "the host is neither a name nor an address"),
    ("http://[::1/", "what stands in brackets is an IPv6 address without a zone"),
    ("http://[fe80::1%25eth0]/", "what stands in brackets is an IPv6 address without a zone"),
    ("http://[127.0.0.1]/", "what stands in brackets is an IPv6 address without a zone"),
    ("http://1.2.3.4.5/", "the host ends in a number and is no IPv4 address"),
    ("http://256.1.1.1/", "the host ends in a number and is no IPv4 address"),
    ("http://example.1/", "the host ends in a number and is no IPv4 address"),
    ("http://0x100000000/", "the host ends in a number and is no IPv4 address"),
    ("http://a:0/", "a port is a number from 1 to 65535"),
    ("http://a:65536/", "a port is a number from 1 to 65535"),
    ("http://a:8o/", "a port is a number from 1 to 65535"),
    ("http://[::1]x/", "a port is a number from 1 to 65535"),
    ("http://a/%zz", "'%' in a URL is followed by two hexadecimal digits; for itself write %25"),
    ("http://a/%2", "'%' in a URL is followed by two hexadecimal digits; for itself write %25"),
  ])
  func malformed(_ text: String, _ flaw: String) {
    #expect(throws: HTTPFailure(.badRequest(flaw), url: text)) { try HTTPURL(text) }
  }

  /// RFC 3986, 5.4, and what hostile servers add.
  @Test(arguments: [
    ("g", "http://a/b/c/g"), ("./g", "http://a/b/c/g"), ("g/", "http://a/b/c/g/"), ("/g", "http://a/g"),
    ("//g", "http://g/"), ("?y", "http://a/b/c/d;p?y"), ("g?y", "http://a/b/c/g?y"), ("#s", "http://a/b/c/d;p?q"),
    ("", "http://a/b/c/d;p?q"), (".", "http://a/b/c/"), ("..", "http://a/b/"), ("../g", "http://a/b/g"),
    ("../../g", "http://a/g"), ("../../../../g", "http://a/g"), ("/./g", "http://a/g"), ("/../g", "http://a/g"),
    ("g.", "http://a/b/c/g."), ("..g", "http://a/b/c/..g"), ("g/./h", "http://a/b/c/g/h"),
    ("g/../h", "http://a/b/c/h"), ("g?y/../x", "http://a/b/c/g?y/../x"), ("https://x:1/y", "https://x:1/y"),
    ("HTTPS://X", "https://x/"), ("/ü", "http://a/%C3%BC"),
  ])
  func references(_ reference: String, _ expected: String) throws {
    #expect(try HTTPURL("http://a/b/c/d;p?q").resolving(reference).text == expected)
  }

  @Test(arguments: [
    "file:///etc/passwd", "gopher://x/", "javascript:alert(1)", "http:g", "/a b", "/a\r\nb", "\\\\evil",
  ])
  func referencesThatLeadNowhere(_ reference: String) {
    #expect(throws: HTTPURL.Malformed.self) { try HTTPURL("http://a/b").resolving(reference) }
  }

  @Test(arguments: [
    ("http://u:secret@example.com/p?key=secret#secret", "http://example.com/p?…"),
    ("http://u:se@cret@example.com", "http://example.com"),
    ("secret@example.com", "example.com"),
    ("http://u:p@\u{301}x", "http://\u{301}x"),
    ("http://a/\u{1B}[2J", "http://a/?[2J"),
    ("http://a/" + String(repeating: "é", count: 200), "http://a/" + String(repeating: "é", count: 95) + "…"),
  ])
  func shown(_ url: String, _ expected: String) { #expect(HTTPFailure.shown(url) == expected) }
}
