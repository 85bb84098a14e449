/// Writes JSON (RFC 8259) into a byte buffer, in the order it is called. Beyond what JSON demands it escapes DEL,
/// C1 controls, U+2028/9 and bidirectional controls, so that no value can reach a terminal as an escape sequence.
public struct JSONWriter: Sendable {
  public private(set) var bytes: [UInt8] = []
  /// Whether a comma must precede the next member.
  private var needsComma = false

  public init(reserving capacity: Int = 256) { bytes.reserveCapacity(capacity) }

  public mutating func beginObject() { open("{") }
  public mutating func endObject() { close("}") }
  public mutating func beginArray() { open("[") }
  public mutating func endArray() { close("]") }
  /// Ends the document: one newline.
  public mutating func newline() {
    bytes.append(0x0A)
    needsComma = false
  }

  public mutating func key(_ name: String) {
    separate()
    quote(name)
    bytes.append(UInt8(ascii: ":"))
    needsComma = false
  }

  public mutating func string(_ value: String) {
    separate()
    quote(value)
    needsComma = true
  }

  public mutating func integer(_ value: some BinaryInteger) { literal(String(value)) }
  public mutating func bool(_ value: Bool) { literal(value ? "true" : "false") }
  public mutating func null() { literal("null") }
  /// JSON has no NaN or infinity: they become `null`. Whole numbers are written without a fraction.
  public mutating func number(_ value: Double) {
    guard value.isFinite else { return null() }
    if value == value.rounded(), abs(value) < 9_007_199_254_740_992 { return literal(String(Int64(value))) }
    literal(value.description)
  }

  public mutating func value(_ value: JSONValue) {
    switch value {
    case .null: null()
    case .bool(let flag): bool(flag)
    case .integer(let number): integer(number)
    case .number(let number): self.number(number)
    case .string(let text): string(text)
    case .list(let items):
      beginArray()
      for item in items { self.value(item) }
      endArray()
    case .map(let members):
      beginObject()
      for (name, member) in members.sorted(by: { $0.key < $1.key }) {
        key(name)
        self.value(member)
      }
      endObject()
    }
  }

  public mutating func member(_ name: String, _ text: String) {
    key(name)
    string(text)
  }
  public mutating func member(_ name: String, _ number: some BinaryInteger) {
    key(name)
    integer(number)
  }
  public mutating func member(_ name: String, _ number: Double) {
    key(name)
    self.number(number)
  }
  public mutating func member(_ name: String, _ flag: Bool) {
    key(name)
    bool(flag)
  }
  public mutating func member(_ name: String, _ value: JSONValue) {
    key(name)
    self.value(value)
  }
  /// Writes nothing at all when `text` is nil.
  public mutating func member(_ name: String, ifPresent text: String?) {
    if let text { member(name, text) }
  }
  public mutating func member(_ name: String, ifPresent number: (some BinaryInteger)?) {
    if let number { member(name, number) }
  }

  private mutating func open(_ bracket: Unicode.Scalar) {
    separate()
    bytes.append(UInt8(ascii: bracket))
    needsComma = false
  }
  private mutating func close(_ bracket: Unicode.Scalar) {
    bytes.append(UInt8(ascii: bracket))
    needsComma = true
  }
  private mutating func literal(_ text: String) {
    separate()
    bytes.append(contentsOf: text.utf8)
    needsComma = true
  }
  private mutating func separate() { if needsComma { bytes.append(UInt8(ascii: ",")) } }

  private mutating func quote(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    var copy = text
    let plain: Void? = copy.withUTF8 { utf8 in
      // The common case, printable ASCII without quotes, is copied in one go.
      guard utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }) else { return nil }
      bytes.append(contentsOf: utf8)
    }
    if plain == nil { for scalar in text.unicodeScalars { escape(scalar) } }
    bytes.append(UInt8(ascii: "\""))
  }

  private mutating func escape(_ scalar: Unicode.Scalar) {
    switch scalar.value {
    case 0x22: bytes.append(contentsOf: [0x5C, 0x22])
    case 0x5C: bytes.append(contentsOf: [0x5C, 0x5C])
    case 0x0A: bytes.append(contentsOf: [0x5C, 0x6E])
    case 0x0D: bytes.append(contentsOf: [0x5C, 0x72])
    case 0x09: bytes.append(contentsOf: [0x5C, 0x74])
    case 0..<0x20, 0x7F...0x9F, 0x2028, 0x2029, 0x200E, 0x200F, 0x061C, 0x202A...0x202E, 0x2066...0x2069:
      let hex = Array("0123456789abcdef".utf8)
      bytes.append(contentsOf: [0x5C, 0x75])
      for shift in [12, 8, 4, 0] { bytes.append(hex[Int(scalar.value >> UInt32(shift)) & 15]) }
    default: bytes.append(contentsOf: Unicode.UTF8.encode(scalar).unsafelyUnwrapped)
    }
  }
}
