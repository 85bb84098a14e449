/// Why an address is none that anybody on the Internet can have, by IANA's registries of special-purpose addresses (RFC
/// 6890 and its updates) and what clouds reserve for the machine itself.
enum SpecialAddress {
  /// What the address is, with its article (`a loopback address`); `nil` when it is a public one.
  static func kind(of address: IPAddress) -> String? {
    if let named = table.first(where: { $0.network.contains(address) }) { return named.kind }
    guard case .v6(let bits) = address else { return nil }
    if let inner = embedded(in: bits) { return kind(of: .v4(inner)).map { "\($0) inside IPv6" } }
    return global.contains(address) ? nil : "no public address"
  }

  /// All that IANA has given out for global unicast (RFC 4291, 2.4).
  private static let global = network("2000::/3")

  /// The IPv4 address that a translator would send to: mapped (RFC 4291, 2.5.5.2), and NAT64's well-known prefix (RFC
  /// 6052), which networks without IPv4 put before public addresses too.
  private static func embedded(in bits: UInt128) -> UInt32? {
    let prefix = bits >> 32
    return prefix == 0xFFFF || prefix == 0x64_FF9B << 64 ? UInt32(truncatingIfNeeded: bits) : nil
  }

  private static func network(_ text: String) -> IPNetwork {
    guard let network = IPNetwork(text) else { preconditionFailure("'\(text)' is no network") }
    return network
  }

  /// The first that fits: what is more special comes first.
  private static let table: [(network: IPNetwork, kind: String)] = [
    ("169.254.169.254/32", "a cloud's metadata address"),
    ("169.254.170.2/32", "a cloud's metadata address"),  // AWS, tasks in containers
    ("100.100.100.200/32", "a cloud's metadata address"),  // Alibaba
    ("192.0.0.192/32", "a cloud's metadata address"),  // Oracle
    ("168.63.129.16/32", "a cloud's metadata address"),  // Azure, and public by its number
    ("fd00:ec2::254/128", "a cloud's metadata address"),  // AWS
    ("fd20:ce::254/128", "a cloud's metadata address"),  // Google
    ("0.0.0.0/8", "an unspecified address"),
    ("10.0.0.0/8", "a private address"),
    ("100.64.0.0/10", "a shared address of a provider"),
    ("127.0.0.0/8", "a loopback address"),
    ("169.254.0.0/16", "a link-local address"),
    ("172.16.0.0/12", "a private address"),
    ("192.0.0.0/24", "a reserved address"),
    ("192.0.2.0/24", "an address of documentation"),
    ("192.88.99.0/24", "a 6to4 address"),
    ("192.168.0.0/16", "a private address"),
    ("198.18.0.0/15", "an address of benchmarks"),
    ("198.51.100.0/24", "an address of documentation"),
    ("203.0.113.0/24", "an address of documentation"),
    ("224.0.0.0/4", "a multicast address"),
    ("240.0.0.0/4", "a reserved address"),
    ("::/128", "an unspecified address"),
    ("::1/128", "a loopback address"),
    ("64:ff9b:1::/48", "a private address"),
    ("100::/64", "a reserved address"),
    ("2001::/32", "a Teredo address"),
    ("2001::/23", "a reserved address"),
    ("2001:db8::/32", "an address of documentation"),
    ("2002::/16", "a 6to4 address"),
    ("3fff::/20", "an address of documentation"),
    ("fc00::/7", "a private address"),
    ("fe80::/10", "a link-local address"),
    ("fec0::/10", "a private address"),
    ("ff00::/8", "a multicast address"),
  ].map { (network($0.0), $0.1) }
}
