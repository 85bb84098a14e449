/// What names of the configuration are made of: they stand in metrics, logs and workflows.
enum Identifier {
  static func isByte(_ byte: UInt8) -> Bool { isWord(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") }

  static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  /// The name of an environment variable.
  static func isVariable(_ name: String) -> Bool {
    guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return false }
    return name.utf8.allSatisfy(isWord)
  }
}
