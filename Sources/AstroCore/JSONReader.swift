/// Reads one JSON text (RFC 8259) into a ``JSONValue``: strict, at most 64 levels deep, the last of duplicate keys wins.
public struct JSONReader {
  private var bytes: ArraySlice<UInt8>

  public static func parse(_ text: String) throws(EvaluationError) -> JSONValue { try parse(Array(text.utf8)) }

  public static func parse(_ bytes: [UInt8]) throws(EvaluationError) -> JSONValue {
    var reader = JSONReader(bytes: bytes[...])
    let value = try reader.value(depth: 0)
    reader.skipSpace()
    guard reader.bytes.isEmpty else { throw reader.unexpected() }
    return value
  }

  private mutating func value(depth: Int) throws(EvaluationError) -> JSONValue {
    guard depth <= 64 else { throw EvaluationError("JSON is nested more than 64 levels deep") }
    skipSpace()
    switch bytes.first {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), .some(UInt8(ascii: "0")...UInt8(ascii: "9")): return try number()
    default: throw unexpected()
    }
  }

  private mutating func object(depth: Int) throws(EvaluationError) -> JSONValue {
    bytes.removeFirst()
    var members: [String: JSONValue] = [:]
    skipSpace()
    if take("}") { return .map(members) }
    repeat {
      skipSpace()
      guard bytes.first == UInt8(ascii: "\"") else { throw unexpected() }
      let name = try string()
      skipSpace()
      guard take(":") else { throw unexpected() }
      members[name] = try value(depth: depth + 1)
      skipSpace()
    } while take(",")
    guard take("}") else { throw unexpected() }
    return .map(members)
  }

  private mutating func array(depth: Int) throws(EvaluationError) -> JSONValue {
    bytes.removeFirst()
    var items: [JSONValue] = []
    skipSpace()
    if take("]") { return .list(items) }
    repeat {
      items.append(try value(depth: depth + 1))
      skipSpace()
    } while take(",")
    guard take("]") else { throw unexpected() }
    return .list(items)
  }

  private mutating func string() throws(EvaluationError) -> String {
    bytes.removeFirst()
    var result: [UInt8] = []
    while let byte = bytes.popFirst() {
      switch byte {
      case UInt8(ascii: "\""):
        guard let text = String(validating: result, as: UTF8.self) else {
          throw EvaluationError("JSON string is not UTF-8")
        }
        return text
      case UInt8(ascii: "\\"): result.append(contentsOf: try escape())
      case 0..<0x20: throw EvaluationError("JSON string holds a raw control character")
      default: result.append(byte)
      }
    }
    throw EvaluationError("JSON ends inside a string")
  }

  private mutating func escape() throws(EvaluationError) -> [UInt8] {
    switch bytes.popFirst() {
    case UInt8(ascii: "\""): return [0x22]
    case UInt8(ascii: "\\"): return [0x5C]
    case UInt8(ascii: "/"): return [0x2F]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "u"):
      let first = try hex()
      if (0xD800..<0xDC00).contains(first), bytes.starts(with: [0x5C, 0x75]) {
        bytes.removeFirst(2)
        let second = try hex()
        guard (0xDC00..<0xE000).contains(second) else {
          throw EvaluationError("JSON string holds half a surrogate pair")
        }
        return Self.utf8(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
      }
      guard Unicode.Scalar(first) != nil else { throw EvaluationError("JSON string holds half a surrogate pair") }
      return Self.utf8(first)
    default: throw EvaluationError("JSON string holds an unknown escape")
    }
  }

  private static func utf8(_ code: UInt32) -> [UInt8] {
    Unicode.Scalar(code).map { Array(Unicode.UTF8.encode($0).unsafelyUnwrapped) } ?? []
  }

  private mutating func hex() throws(EvaluationError) -> UInt32 {
    guard bytes.count >= 4,
      let value = UInt32(String(decoding: bytes.prefix(4), as: UTF8.self), radix: 16),
      bytes.first != UInt8(ascii: "+"), bytes.first != UInt8(ascii: "-")
    else { throw EvaluationError("JSON string holds a malformed \\u escape") }
    bytes.removeFirst(4)
    return value
  }

  private mutating func number() throws(EvaluationError) -> JSONValue {
    let end = bytes.firstIndex { !Self.isNumberByte($0) } ?? bytes.endIndex
    let text = String(decoding: bytes[..<end], as: UTF8.self)
    let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
    let leadingZero = digits.hasPrefix("0") && digits.utf8.count > 1 && (0x30...0x39).contains(Array(digits.utf8)[1])
    let barePoint = digits.hasPrefix(".") || digits.hasSuffix(".") || digits.contains(".e") || digits.contains(".E")
    guard !leadingZero, !barePoint, let first = digits.utf8.first, (0x30...0x39).contains(first) else {
      throw unexpected()
    }
    bytes = bytes[end...]
    if let integer = Int64(text) { return .integer(integer) }
    guard let value = Double(text), value.isFinite else { throw EvaluationError("'\(text)' is not a JSON number") }
    return .number(value)
  }

  private static func isNumberByte(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || [0x2B, 0x2D, 0x2E, 0x45, 0x65].contains(byte)
  }

  private mutating func word(_ word: String, _ value: JSONValue) throws(EvaluationError) -> JSONValue {
    guard bytes.starts(with: word.utf8) else { throw unexpected() }
    bytes.removeFirst(word.utf8.count)
    return value
  }

  private mutating func take(_ byte: Unicode.Scalar) -> Bool {
    guard bytes.first == UInt8(ascii: byte) else { return false }
    bytes.removeFirst()
    return true
  }

  private mutating func skipSpace() {
    while let byte = bytes.first, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { bytes.removeFirst() }
  }

  private func unexpected() -> EvaluationError {
    guard let byte = bytes.first else { return EvaluationError("JSON ends too early") }
    let shown = (0x21..<0x7F).contains(byte) ? "'\(Unicode.Scalar(byte))'" : "byte \(byte)"
    return EvaluationError("JSON has an unexpected \(shown) at offset \(bytes.startIndex)")
  }
}
