/// Names of parameters, outputs and environment variables.
enum Identifier {
  enum Dashes { case allowed, refused }

  /// `[A-Za-z_][A-Za-z0-9_]*`, with `-` after the first where dashes are allowed.
  static func isValid(_ text: String, dashes: Dashes) -> Bool {
    guard let first = text.utf8.first, isWord(first), !isDigit(first) else { return false }
    return text.utf8.allSatisfy { isWord($0) || ($0 == UInt8(ascii: "-") && dashes == .allowed) }
  }

  static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
    default: isDigit(byte)
    }
  }

  static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
