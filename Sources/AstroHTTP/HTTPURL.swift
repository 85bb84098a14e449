/// An absolute `http` or `https` URL (RFC 3986), taken apart strictly: whatever two parsers could understand differently is
/// refused, since the one that guards and the one that connects must see the same host.
public struct HTTPURL: Sendable, Hashable {
  public enum Scheme: String, Sendable {
    case http
    case https

    var port: Int { self == .http ? 80 : 443 }
  }

  public enum Host: Sendable, Hashable {
    /// In lower case, without a dot at the end.
    case name(String)
    case address(IPAddress)
  }

  public var scheme: Scheme
  public var host: Host
  public var port: Int
  /// Path and query as they are sent; begins with `/`.
  public var target: String

  /// What is wrong with a URL: the end of a sentence that begins with it.
  struct Malformed: Error {
    let message: String
    init(_ message: String) { self.message = message }
  }

  init(scheme: Scheme, host: Host, port: Int, target: String) {
    self.scheme = scheme
    self.host = host
    self.port = port
    self.target = target
  }

  /// Throws ``HTTPFailure/Cause/badRequest(_:)``.
  public init(_ text: String) throws(HTTPFailure) {
    do throws(Malformed) {
      self = try Self.parse(text)
    } catch {
      throw HTTPFailure(.badRequest(error.message), url: text)
    }
  }

  static func parse(_ text: String) throws(Malformed) -> HTTPURL {
    let bytes = Array(text.utf8)
    guard let colon = bytes.firstIndex(of: 0x3A), bytes[colon...].starts(with: "://".utf8),
      let scheme = Scheme(rawValue: String(decoding: bytes[..<colon], as: UTF8.self).lowercased())
    else { throw Malformed("a URL begins with http:// or https://") }
    if bytes.contains(UInt8(ascii: "\\")) { throw Malformed("a URL has no backslash") }
    if let bad = bytes.first(where: { $0 <= 0x20 || $0 == 0x7F }) {
      throw Malformed(bad == 0x20 ? "a URL has no space; write %20" : "a URL has no control characters")
    }
    let rest = bytes[(colon + 3)...]
    let authority = rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
    let (host, port) = try Self.authority(authority)
    return HTTPURL(
      scheme: scheme, host: host, port: port ?? scheme.port, target: try target(rest[authority.endIndex...]))
  }

  private static func authority(_ bytes: ArraySlice<UInt8>) throws(Malformed) -> (Host, Int?) {
    guard !bytes.contains(UInt8(ascii: "@")) else {
      throw Malformed("a URL has no user and password here; use the header 'authorization'")
    }
    let hostEnd =
      bytes.first == UInt8(ascii: "[")
      ? bytes.firstIndex(of: UInt8(ascii: "]")).map { $0 + 1 } ?? bytes.endIndex
      : bytes.firstIndex(of: 0x3A) ?? bytes.endIndex
    let host = try Host(String(decoding: bytes[..<hostEnd], as: UTF8.self))
    let tail = bytes[hostEnd...]
    if tail.isEmpty || tail.elementsEqual([0x3A]) { return (host, nil) }
    guard tail.first == 0x3A, let port = port(String(decoding: tail.dropFirst(), as: UTF8.self)[...]) else {
      throw Malformed("a port is a number from 1 to 65535")
    }
    return (host, port)
  }

  static func port(_ text: Substring) -> Int? {
    guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(text), (1...65535).contains(port) else {
      return nil
    }
    return port
  }

  /// Path and query without the fragment, which is never sent; what RFC 3986 has no room for is percent-encoded in UTF-8
  /// (RFC 3987, 3.1).
  static func target(_ bytes: ArraySlice<UInt8>) throws(Malformed) -> String {
    var encoded: [UInt8] = bytes.first == UInt8(ascii: "/") ? [] : [UInt8(ascii: "/")]
    let sent = bytes.prefix { $0 != UInt8(ascii: "#") }
    for (index, byte) in zip(sent.indices, sent) {
      if byte == UInt8(ascii: "%") {
        guard index + 2 < sent.endIndex, isHexDigit(sent[index + 1]), isHexDigit(sent[index + 2]) else {
          throw Malformed("'%' in a URL is followed by two hexadecimal digits; for itself write %25")
        }
      }
      if byte >= 0x7F || byte <= 0x20 || Self.encoded.contains(byte) {
        encoded += "%".utf8 + [hexDigit(byte >> 4), hexDigit(byte & 15)]
      } else {
        encoded.append(byte)
      }
    }
    return String(decoding: encoded, as: UTF8.self)
  }

  private static let encoded = Array("\"<>[]^`{|}".utf8)

  private static func isHexDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x41 + value - 10 }

  /// Host, and port where it is not the scheme's own: the header `Host`.
  public var authority: String { port == scheme.port ? host.text : "\(host.text):\(port)" }
  /// `http://example.com:8080`: what must be the same for two URLs to share secrets (RFC 6454).
  public var origin: String { "\(scheme.rawValue)://\(authority)" }
  public var text: String { origin + target }
}
