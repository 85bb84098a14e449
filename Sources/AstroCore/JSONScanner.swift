/// Walks over one JSON text (RFC 8259) without making values of it: says whether it is one, and where its parts lie. What
/// is passed on stays as it was written, its numbers and the order of its members included.
///
/// As strict and as deep as ``JSONReader``, but for the escape of half a surrogate pair, which is let through.
public struct JSONScanner {
  /// Why a text is no JSON, or not what is wanted.
  public struct Malformed: Error, Equatable {
    /// In the array that the text is a part of.
    public var offset: Int
    public var message: String
  }

  /// One member of an object; both ranges are of the array that the text is a part of.
  public struct Member: Sendable {
    /// Without its escapes.
    public var name: String
    public var key: Range<Int>
    public var value: Range<Int>
  }

  private let text: ArraySlice<UInt8>
  private var position: Int
  /// The text without white space, where it is asked for.
  private var compacted: [UInt8]?
  /// The members of the outermost object, where they are asked for.
  private var members: [Member]?

  private init(_ text: ArraySlice<UInt8>, compacting: Bool = false, listing: Bool = false) {
    self.text = text
    position = text.startIndex
    if compacting {
      compacted = []
      compacted?.reserveCapacity(text.count)
    }
    members = listing ? [] : nil
  }

  /// The members of the object that the text is, in their order, duplicates included.
  public static func members(of text: ArraySlice<UInt8>) throws(Malformed) -> [Member] {
    var scanner = JSONScanner(text, listing: true)
    scanner.skipSpace()
    let start = scanner.position
    let isObject = scanner.next == UInt8(ascii: "{")
    try scanner.whole()
    guard isObject, let members = scanner.members else {
      throw Malformed(offset: start, message: "it is not a JSON object")
    }
    return members
  }

  /// The text without the white space between its parts: one line.
  public static func compact(_ text: ArraySlice<UInt8>) throws(Malformed) -> [UInt8] {
    var scanner = JSONScanner(text, compacting: true)
    try scanner.whole()
    return scanner.compacted ?? []
  }

  private mutating func whole() throws(Malformed) {
    try value(depth: 0)
    skipSpace()
    if next != nil { throw unexpected() }
  }

  // MARK: Values

  private mutating func value(depth: Int) throws(Malformed) {
    guard depth <= 64 else { throw malformed("JSON is nested more than 64 levels deep") }
    skipSpace()
    switch next {
    case UInt8(ascii: "{"): try object(depth: depth)
    case UInt8(ascii: "["): try array(depth: depth)
    case UInt8(ascii: "\""): try string()
    case UInt8(ascii: "t"): try word("true")
    case UInt8(ascii: "f"): try word("false")
    case UInt8(ascii: "n"): try word("null")
    case UInt8(ascii: "-"), .some(0x30...0x39): try number()
    default: throw unexpected()
    }
  }

  private mutating func object(depth: Int) throws(Malformed) {
    advance()
    skipSpace()
    if take("}") { return }
    repeat {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw unexpected() }
      let key = position
      try string()
      let end = position
      skipSpace()
      guard take(":") else { throw unexpected() }
      skipSpace()
      let start = position
      try value(depth: depth + 1)
      if depth == 0, members != nil { list(key..<end, start..<position) }
      skipSpace()
    } while take(",")
    guard take("}") else { throw unexpected() }
  }

  private mutating func list(_ key: Range<Int>, _ value: Range<Int>) {
    let name = try? JSONReader.parse(Array(text[key]))
    members?.append(Member(name: name?.text ?? "", key: key, value: value))
  }

  private mutating func array(depth: Int) throws(Malformed) {
    advance()
    skipSpace()
    if take("]") { return }
    repeat {
      try value(depth: depth + 1)
      skipSpace()
    } while take(",")
    guard take("]") else { throw unexpected() }
  }

  private mutating func string() throws(Malformed) {
    let start = position
    advance()
    var isASCII = true
    while let byte = next {
      switch byte {
      case UInt8(ascii: "\""):
        if !isASCII, String(validating: text[start..<position], as: UTF8.self) == nil {
          throw Malformed(offset: start, message: "JSON string is not UTF-8")
        }
        return advance()
      case UInt8(ascii: "\\"): try escape()
      case 0..<0x20: throw malformed("JSON string holds a raw control character")
      default:
        if byte >= 0x80 { isASCII = false }
        advance()
      }
    }
    throw malformed("JSON ends inside a string")
  }

  private mutating func escape() throws(Malformed) {
    advance()
    switch next {
    case .some(let byte) where "\"\\/bfnrt".utf8.contains(byte): advance()
    case UInt8(ascii: "u"):
      advance()
      for _ in 0..<4 {
        guard let digit = next, Self.isHex(digit) else { throw malformed("JSON string holds a malformed \\u escape") }
        advance()
      }
    case nil: throw malformed("JSON ends inside a string")
    default: throw malformed("JSON string holds an unknown escape")
    }
  }

  private static func isHex(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
  }

  /// `-`, digits without a leading zero, a fraction, an exponent.
  private mutating func number() throws(Malformed) {
    _ = take("-")
    if !take("0") { try digits() }
    if take(".") { try digits() }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      try digits()
    }
  }

  private mutating func digits() throws(Malformed) {
    guard let first = next, (0x30...0x39).contains(first) else { throw unexpected() }
    while let byte = next, (0x30...0x39).contains(byte) { advance() }
  }

  private mutating func word(_ word: StaticString) throws(Malformed) {
    for index in 0..<word.utf8CodeUnitCount {
      guard next == word.utf8Start[index] else { throw unexpected() }
      advance()
    }
  }

  // MARK: Bytes

  private var next: UInt8? { position < text.endIndex ? text[position] : nil }

  private mutating func advance() {
    compacted?.append(text[position])
    position += 1
  }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: scalar) else { return false }
    advance()
    return true
  }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
  }

  private func malformed(_ message: String) -> Malformed { Malformed(offset: position, message: message) }

  private func unexpected() -> Malformed {
    guard let byte = next else { return malformed("JSON ends too early") }
    let shown = (0x21..<0x7F).contains(byte) ? "'\(Unicode.Scalar(byte))'" : "byte \(byte)"
    return malformed("JSON has an unexpected \(shown)")
  }
}
