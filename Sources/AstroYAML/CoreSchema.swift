import AstroCore

/// What a plain scalar means: the core schema of YAML 1.2.2 (10.3.2), except that a number with leading zeros is text,
/// since `007` and `0123` are identifiers to those who write them.
enum CoreSchema {
  static func value(of bytes: UnsafeBufferPointer<UInt8>) -> JSONValue {
    guard let first = bytes.first else { return .null }
    switch first {
    case UInt8(ascii: "~"), UInt8(ascii: "n"), UInt8(ascii: "N"), UInt8(ascii: "t"), UInt8(ascii: "T"),
      UInt8(ascii: "f"), UInt8(ascii: "F"):
      return word(bytes) ?? string(bytes)
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."):
      return number(bytes) ?? string(bytes)
    default: return string(bytes)
    }
  }

  static func string(_ bytes: UnsafeBufferPointer<UInt8>) -> JSONValue {
    .string(String(decoding: bytes, as: UTF8.self))
  }

  private static func word(_ bytes: UnsafeBufferPointer<UInt8>) -> JSONValue? {
    guard bytes.count <= 5 else { return nil }
    switch String(decoding: bytes, as: UTF8.self) {
    case "~", "null", "Null", "NULL": return .null
    case "true", "True", "TRUE": return .bool(true)
    case "false", "False", "FALSE": return .bool(false)
    default: return nil
    }
  }

  private static func number(_ bytes: UnsafeBufferPointer<UInt8>) -> JSONValue? {
    // Nothing longer is a number that anyone wrote, and Double's parser need not see it.
    guard bytes.count <= 400 else { return nil }
    let text = String(decoding: bytes, as: UTF8.self)
    if text.hasPrefix("0x") { return radix(text, 16) }
    if text.hasPrefix("0o") { return radix(text, 8) }
    switch text {
    case ".nan", ".NaN", ".NAN": return .number(.nan)
    case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": return .number(.infinity)
    case "-.inf", "-.Inf", "-.INF": return .number(-.infinity)
    default: return decimal(text)
    }
  }

  private static func radix(_ text: String, _ radix: Int) -> JSONValue? {
    let digits = text.dropFirst(2)
    guard !digits.hasPrefix("-"), !digits.hasPrefix("+") else { return nil }
    return Int64(digits, radix: radix).map(JSONValue.integer)
  }

  /// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
  private static func decimal(_ text: String) -> JSONValue? {
    var rest = Substring(text).utf8
    if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
    let whole = takeDigits(&rest)
    if whole.count > 1, whole.first == UInt8(ascii: "0") { return nil }
    if rest.isEmpty, !whole.isEmpty { return Int64(text).map(JSONValue.integer) ?? double(text) }
    if rest.first == UInt8(ascii: ".") {
      rest.removeFirst()
      if takeDigits(&rest).isEmpty, whole.isEmpty { return nil }
    } else if whole.isEmpty {
      return nil
    }
    if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
      rest.removeFirst()
      if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
      if takeDigits(&rest).isEmpty { return nil }
    }
    return rest.isEmpty ? double(text) : nil
  }

  private static func takeDigits(_ rest: inout Substring.UTF8View) -> Substring.UTF8View {
    let digits = rest.prefix { (0x30...0x39).contains($0) }
    rest = rest.dropFirst(digits.count)
    return digits
  }

  private static func double(_ text: String) -> JSONValue? { Double(text).map(JSONValue.number) }

  /// The value of a scalar with an explicit tag; `nil` when the text is no such thing.
  static func value(of bytes: UnsafeBufferPointer<UInt8>, tagged tag: Record.Tag) -> JSONValue? {
    let plain = value(of: bytes)
    switch (tag, plain) {
    case (.string, _): return string(bytes)
    case (.none, _), (.integer, .integer), (.number, .number), (.boolean, .bool), (.null, .null): return plain
    case (.number, .integer(let value)): return .number(Double(value))
    case (.integer, _), (.number, _), (.boolean, _), (.null, _): return nil
    }
  }
}
