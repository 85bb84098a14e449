extension HTTPURL {
  /// What a reference in an answer of this URL leads to (RFC 3986, 5.2), a fragment left out.
  func resolving(_ reference: String) throws(Malformed) -> HTTPURL {
    let bytes = Array(reference.utf8.prefix { $0 != UInt8(ascii: "#") })
    if let scheme = Self.scheme(of: bytes) {
      guard Scheme(rawValue: scheme) != nil else { throw Malformed("a URL begins with http:// or https://") }
      return try Self.parse(reference)
    }
    if bytes.starts(with: "//".utf8) { return try Self.parse("\(scheme.rawValue):\(reference)") }
    if bytes.contains(where: { $0 <= 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "\\") }) {
      throw Malformed("a URL has no spaces, control characters and backslashes")
    }
    let query = bytes.firstIndex(of: UInt8(ascii: "?")) ?? bytes.endIndex
    let base = Array(target.utf8)
    let basePath = base.prefix { $0 != UInt8(ascii: "?") }
    var path = Array(bytes[..<query])
    if bytes.isEmpty { return self }
    if path.isEmpty {
      path = Array(basePath)
    } else if path.first != UInt8(ascii: "/") {
      let folder = basePath.lastIndex(of: UInt8(ascii: "/")) ?? 0
      path = basePath[...folder] + path
    }
    var url = self
    url.target = try Self.target((Self.withoutDots(path) + bytes[query...])[...])
    return url
  }

  /// The scheme, in lower case, when there is one.
  private static func scheme(of bytes: [UInt8]) -> String? {
    guard let colon = bytes.firstIndex(of: 0x3A), colon > 0,
      bytes[..<colon].allSatisfy({
        (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
          || [0x2B, 0x2D, 0x2E].contains($0)
      })
    else { return nil }
    return String(decoding: bytes[..<colon], as: UTF8.self).lowercased()
  }

  /// RFC 3986, 5.2.4, for a path that begins with `/`.
  private static func withoutDots(_ path: [UInt8]) -> [UInt8] {
    var kept: [ArraySlice<UInt8>] = []
    let segments = path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    for (index, segment) in segments.enumerated() {
      let isLast = index == segments.count - 1
      switch String(decoding: segment, as: UTF8.self) {
      case ".": if isLast { kept.append([]) }
      case "..":
        _ = kept.popLast()
        if isLast { kept.append([]) }
      default: kept.append(segment)
      }
    }
    return kept.reduce(into: []) { $0 += [UInt8(ascii: "/")] + $1 }
  }
}
