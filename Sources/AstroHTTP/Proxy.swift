import AstroCore

/// A server that opens ways to others.
struct Proxy: Hashable {
  enum Kind: Hashable {
    /// By CONNECT (RFC 9110, 9.3.6), and for plain `http` by requests in absolute form (RFC 9112, 3.2.2).
    case http
    /// Version 5, names resolved by the proxy (RFC 1928).
    case socks
  }

  var kind: Kind
  var host: String
  var port: Int
  /// For `Proxy-Authorization: Basic`, in base64.
  var credentials: String?

  /// - Parameter text: `http://user:password@host:port`, `socks5://host:port`, or `host:port`.
  init(_ text: String) throws(HTTPURL.Malformed) {
    let bytes = Array(text.utf8)
    var rest = bytes[...]
    var scheme = "http"
    if let colon = bytes.firstIndex(of: 0x3A), bytes[colon...].starts(with: "://".utf8) {
      scheme = String(decoding: bytes[..<colon], as: UTF8.self).lowercased()
      rest = bytes[(colon + 3)...]
    }
    switch scheme {
    case "http": kind = .http
    case "socks5", "socks5h": kind = .socks
    default: throw HTTPURL.Malformed("its scheme is neither http nor socks5")
    }
    rest = rest.prefix { $0 != UInt8(ascii: "/") }
    if let mark = rest.lastIndex(of: UInt8(ascii: "@")) {
      guard kind == .http else { throw HTTPURL.Malformed("SOCKS with a password is not supported") }
      credentials = Base64.encode(Self.withoutPercents(rest[..<mark]))
      rest = rest[(mark + 1)...]
    }
    let url = try HTTPURL.parse("http://" + String(decoding: rest, as: UTF8.self))
    host = if case .address(let address) = url.host { address.description } else { url.host.text }
    let isPortTold = rest.last != UInt8(ascii: "]") && rest.contains(0x3A)
    port = isPortTold ? url.port : kind == .socks ? 1080 : 80
  }

  /// As it stands in a URL.
  var urlHost: String { host.utf8.contains(0x3A) ? "[\(host)]" : host }

  private static func withoutPercents(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    var plain: [UInt8] = []
    var rest = bytes
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), rest.count >= 2,
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      {
        plain.append(value)
        rest.removeFirst(2)
      } else {
        plain.append(byte)
      }
    }
    return plain
  }
}
