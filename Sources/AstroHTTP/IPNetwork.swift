/// A range of addresses that share their first bits (CIDR, RFC 4632).
public struct IPNetwork: Sendable, Hashable {
  private let first: IPAddress
  private let length: Int

  /// - Parameter text: `10.0.0.0/8`, `fd00::/8`. `nil` when it is none, or has bits set after the prefix: what was meant
  ///   then is not known.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let first = IPAddress(String(parts[0])),
      parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let length = Int(parts[1])
    else { return nil }
    switch first {
    case .v4(let bits): guard length <= 32, bits & Self.hostMask(32 - length) == 0 else { return nil }
    case .v6(let bits): guard length <= 128, bits & Self.hostMask(128 - length) == 0 else { return nil }
    }
    self.first = first
    self.length = length
  }

  public func contains(_ address: IPAddress) -> Bool {
    switch (first, address) {
    case (.v4(let first), .v4(let bits)): (first ^ bits) & ~Self.hostMask(32 - length) == 0
    case (.v6(let first), .v6(let bits)): (first ^ bits) & ~Self.hostMask(128 - length) == 0
    default: false
    }
  }

  private static func hostMask<Bits: FixedWidthInteger>(_ count: Int) -> Bits {
    count == 0 ? 0 : Bits.max >> (Bits.bitWidth - count)
  }
}
