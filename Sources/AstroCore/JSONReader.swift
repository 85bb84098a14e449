/// Reads one JSON text (RFC 8259) into a ``JSONValue``: strict, at most 64 levels deep, the last of duplicate keys wins.
public struct JSONReader {
  /// The text, for as long as it is read.
  private let bytes: UnsafeBufferPointer<UInt8>
  private var position = 0

  private init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  public static func parse(_ text: String) throws(EvaluationError) -> JSONValue { try parse(Array(text.utf8)) }

  public static func parse(_ bytes: [UInt8]) throws(EvaluationError) -> JSONValue {
    try bytes.withUnsafeBufferPointer { bytes throws(EvaluationError) in
      var reader = JSONReader(bytes)
      let value = try reader.value(depth: 0)
      reader.skipSpace()
      guard reader.next == nil else { throw reader.unexpected() }
      return value
    }
  }

  private mutating func value(depth: Int) throws(EvaluationError) -> JSONValue {
    guard depth <= 64 else { throw EvaluationError("JSON is nested more than 64 levels deep") }
    skipSpace()
    switch next {
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
    position += 1
    var members: [String: JSONValue] = [:]
    skipSpace()
    if take("}") { return .map(members) }
    repeat {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw unexpected() }
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
    position += 1
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
    position += 1
    let start = position
    while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { position += 1 }
    let plain = UnsafeBufferPointer(rebasing: bytes[start..<position])
    if take("\"") { return try Self.text(plain) }
    return try string(beginning: Array(plain))
  }

  /// A string with escapes, or one that is not to its end.
  private mutating func string(beginning plain: [UInt8]) throws(EvaluationError) -> String {
    var result = plain
    while let byte = next {
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return try Self.text(result)
      case UInt8(ascii: "\\"): result.append(contentsOf: try escape())
      case 0..<0x20: throw EvaluationError("JSON string holds a raw control character")
      default: result.append(byte)
      }
    }
    throw EvaluationError("JSON ends inside a string")
  }

  private static func text(_ bytes: some Sequence<UInt8>) throws(EvaluationError) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw EvaluationError("JSON string is not UTF-8")
    }
    return text
  }

  private mutating func escape() throws(EvaluationError) -> [UInt8] {
    let byte = next
    position += 1
    switch byte {
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
      if (0xD800..<0xDC00).contains(first), bytes[position...].starts(with: [0x5C, 0x75]) {
        position += 2
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
    let digits = bytes[position...].prefix(4)
    guard digits.count == 4, let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16),
      next != UInt8(ascii: "+"), next != UInt8(ascii: "-")
    else { throw EvaluationError("JSON string holds a malformed \\u escape") }
    position += 4
    return value
  }

  private mutating func number() throws(EvaluationError) -> JSONValue {
    let start = position
    while let byte = next, Self.isNumberByte(byte) { position += 1 }
    let text = bytes[start..<position]
    if let integer = Self.integer(text) { return .integer(integer) }
    let spelled = String(decoding: text, as: UTF8.self)
    let digits = spelled.hasPrefix("-") ? spelled.dropFirst() : spelled[...]
    let leadingZero = digits.hasPrefix("0") && digits.utf8.count > 1 && (0x30...0x39).contains(Array(digits.utf8)[1])
    let barePoint = digits.hasPrefix(".") || digits.hasSuffix(".") || digits.contains(".e") || digits.contains(".E")
    guard !leadingZero, !barePoint, let first = digits.utf8.first, (0x30...0x39).contains(first) else {
      position = start
      throw unexpected()
    }
    if let integer = Int64(spelled) { return .integer(integer) }
    guard let value = Double(spelled), value.isFinite else {
      throw EvaluationError("'\(spelled)' is not a JSON number")
    }
    return .number(value)
  }

  /// The one of digits alone, without a leading zero, that cannot overflow: what nearly all numbers are.
  private static func integer(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> Int64? {
    let digits = text.first == UInt8(ascii: "-") ? text.dropFirst() : text
    guard (1...18).contains(digits.count), digits.count == 1 || digits.first != UInt8(ascii: "0") else { return nil }
    var value: Int64 = 0
    for byte in digits {
      guard (0x30...0x39).contains(byte) else { return nil }
      value = value * 10 + Int64(byte - 0x30)
    }
    return digits.count == text.count ? value : -value
  }

  private static func isNumberByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x2B, 0x2D, 0x2E, 0x45, 0x65: true
    default: false
    }
  }

  private mutating func word(_ word: StaticString, _ value: JSONValue) throws(EvaluationError) -> JSONValue {
    let spelled = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
    guard bytes[position...].starts(with: spelled) else { throw unexpected() }
    position += spelled.count
    return value
  }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func take(_ byte: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: byte) else { return false }
    position += 1
    return true
  }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
  }

  private func unexpected() -> EvaluationError {
    guard let byte = next else { return EvaluationError("JSON ends too early") }
    let shown = (0x21..<0x7F).contains(byte) ? "'\(Unicode.Scalar(byte))'" : "byte \(byte)"
    return EvaluationError("JSON has an unexpected \(shown) at offset \(position)")
  }
}
