extension HTTPURL.Host {
  public var text: String {
    switch self {
    case .name(let name): name
    case .address(let address): address.inURL
    }
  }

  /// - Parameter text: as in a URL; every spelling of an IPv4 address becomes that address, as it would in getaddrinfo(3).
  init(_ text: String) throws(HTTPURL.Malformed) {
    if text.utf8.first == UInt8(ascii: "[") {
      guard text.utf8.last == UInt8(ascii: "]"), let address = IPAddress(String(text.dropFirst().dropLast())),
        case .v6 = address
      else { throw HTTPURL.Malformed("what stands in brackets is an IPv6 address without a zone") }
      self = .address(address)
      return
    }
    guard !text.isEmpty else { throw HTTPURL.Malformed("the host is missing") }
    let name = (text.utf8.last == 0x2E ? String(text.dropLast()) : text).lowercased()
    let labels = name.utf8.split(separator: 0x2E, omittingEmptySubsequences: false)
    if let last = labels.last, Self.isNumber(last) {
      guard let address = IPAddress(lenient: name) else {
        throw HTTPURL.Malformed("the host ends in a number and is no IPv4 address")
      }
      self = .address(address)
      return
    }
    guard name.utf8.allSatisfy({ $0 < 0x80 }) else {
      throw HTTPURL.Malformed("the host is not ASCII; an international name is written with xn--")
    }
    guard name.utf8.count <= 253, labels.allSatisfy({ (1...63).contains($0.count) && $0.allSatisfy(Self.isNameByte) })
    else { throw HTTPURL.Malformed("the host is neither a name nor an address") }
    self = .name(name)
  }

  private static func isNumber(_ label: Substring.UTF8View) -> Bool {
    if !label.isEmpty, label.allSatisfy({ (0x30...0x39).contains($0) }) { return true }
    return label.starts(with: "0x".utf8)
      && label.dropFirst(2).allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || byte == UInt8(ascii: "-")
      || byte == UInt8(ascii: "_")
  }
}
