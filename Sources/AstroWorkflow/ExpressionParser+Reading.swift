extension ExpressionParser {
  static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

  func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

  func isAt(_ word: String) -> Bool { bytes[position...].starts(with: word.utf8) }

  mutating func skipSpace() {
    while let byte = peek(), Self.isSpace(byte) { position += 1 }
  }

  func failure(_ message: String, width: Int = 1, hint: String? = nil) -> ExpressionError {
    // A complaint about the end marks the last character there is.
    let offset = position < bytes.count ? position : max(bytes.count - 1, 0)
    return ExpressionError(
      code: "expression", message: message, offset: offset, width: width,
      remedy: hint.map(ExpressionError.Remedy.hint) ?? .none)
  }

  func expected(_ what: String) -> ExpressionError {
    guard position == bytes.count || isAt("}}") else { return unexpected() }
    return failure("the expression ends where \(what) is expected", width: isAt("}}") ? 2 : 1)
  }

  /// Complains about the character at the position.
  func unexpected() -> ExpressionError {
    guard let byte = peek() else { return failure("'${{' has no closing '}}'") }
    if isAt("}}") { return failure("the expression ends where a value is expected", width: 2) }
    if Identifier.isWord(byte) { return unexpectedWord() }
    let rest = String(decoding: bytes[position..<min(position + 4, bytes.count)], as: UTF8.self)
    let shown = rest.unicodeScalars.first.map { String(Character($0)) } ?? ""
    let hint: String?
    switch byte {
    case UInt8(ascii: "="): hint = "compare with '=='"
    case UInt8(ascii: "&"): hint = "'and' is written '&&'"
    case UInt8(ascii: "|"): hint = "'or' is written '||'"
    case UInt8(ascii: "\""): hint = "write texts in single quotes: 'text'"
    case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "*"), UInt8(ascii: "/"), UInt8(ascii: "%"):
      hint = "there is no arithmetic in expressions: calculate in a task"
    default: hint = nil
    }
    return failure("unexpected \(shown == "'" ? "quote" : "'\(shown)'") in the expression", hint: hint)
  }

  private func unexpectedWord() -> ExpressionError {
    let word = String(decoding: bytes[position...].prefix(while: Identifier.isWord), as: UTF8.self)
    let hint = Self.foreign[word.lowercased()].map { "'\(word)' is written '\($0)'" }
    return failure("unexpected '\(word)' in the expression", width: word.utf8.count, hint: hint)
  }

  /// How words of other languages are written here.
  static let foreign = ["and": "&&", "or": "||", "not": "!", "is": "==", "eq": "==", "none": "null", "nil": "null"]

  func tooDeep(at offset: Int) -> ExpressionError {
    ExpressionError(
      code: "too_deep", message: "the expression is nested too deep", offset: offset,
      remedy: .hint("at most \(Self.deepest) levels, and \(Self.highest) operators in a row"))
  }
}
