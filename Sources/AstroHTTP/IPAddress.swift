import Glibc

/// An address of a host, without a port or a zone.
public enum IPAddress: Sendable, Hashable, CustomStringConvertible {
  case v4(UInt32)
  case v6(UInt128)

  /// - Parameter text: `192.0.2.1` in four decimal parts, or IPv6 as in RFC 4291, 2.2, without brackets or zone. Other
  ///   spellings of IPv4 are for ``init(lenient:)``.
  public init?(_ text: String) {
    var four = in_addr()
    var six = in6_addr()
    if inet_pton(AF_INET, text, &four) == 1 {
      self = .v4(UInt32(bigEndian: four.s_addr))
    } else if inet_pton(AF_INET6, text, &six) == 1 {
      self.init(six)
    } else {
      return nil
    }
  }

  init(_ six: in6_addr) {
    self = .v6(withUnsafeBytes(of: six) { UInt128(bigEndian: $0.loadUnaligned(as: UInt128.self)) })
  }

  /// Every spelling of an IPv4 address that inet_aton(3) and browsers take: one to four parts, each decimal, octal (`0177`)
  /// or hexadecimal (`0x7f`), the last filling what is left, and one dot at the end. The algorithm is the "IPv4 parser" of
  /// the WHATWG URL standard.
  init?(lenient text: String) {
    var parts = text.utf8.split(separator: 0x2E, omittingEmptySubsequences: false)
    if parts.count > 1, parts.last?.isEmpty == true { parts.removeLast() }
    guard (1...4).contains(parts.count) else { return nil }
    var value: UInt64 = 0
    for (index, part) in parts.enumerated() {
      guard let number = Self.number(part) else { return nil }
      let isLast = index == parts.count - 1
      let bits = isLast ? UInt64(8 * (5 - parts.count)) : 8
      guard number < 1 << bits else { return nil }
      value = value << bits | number
    }
    self = .v4(UInt32(value))
  }

  private static func number(_ part: Substring.UTF8View) -> UInt64? {
    let text = String(part)
    // Swift would read a sign, too.
    guard let first = text?.first, first.isHexDigit, let text else { return nil }
    if text.hasPrefix("0x") || text.hasPrefix("0X") {
      let digits = text.dropFirst(2)
      return digits.isEmpty ? 0 : digits.first?.isHexDigit == true ? UInt64(digits, radix: 16) : nil
    }
    return UInt64(text, radix: text.count > 1 && text.hasPrefix("0") ? 8 : 10)
  }

  /// The shortest spelling (RFC 5952), without brackets.
  public var description: String {
    var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    switch self {
    case .v4(let value):
      var four = in_addr(s_addr: value.bigEndian)
      inet_ntop(AF_INET, &four, &buffer, socklen_t(buffer.count))
    case .v6(let value):
      var six = in6_addr()
      withUnsafeMutableBytes(of: &six) { $0.storeBytes(of: value.bigEndian, as: UInt128.self) }
      inet_ntop(AF_INET6, &six, &buffer, socklen_t(buffer.count))
    }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// As it stands in a URL.
  var inURL: String {
    switch self {
    case .v4: description
    case .v6: "[\(description)]"
    }
  }
}
