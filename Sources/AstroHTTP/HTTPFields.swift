/// Header fields in the order they came, looked up without regard to case (RFC 9110, 5.1). What is not UTF-8 in a value
/// is repaired with U+FFFD.
public struct HTTPFields: Sendable, ExpressibleByArrayLiteral {
  public var fields: [(name: String, value: String)]

  public init(_ fields: [(name: String, value: String)]) { self.fields = fields }
  public init(arrayLiteral fields: (name: String, value: String)...) { self.fields = fields }

  /// The first value of that name.
  public subscript(name: String) -> String? { fields.first { Self.same($0.name, name) }?.value }

  /// Every value of that name, in order.
  public func values(of name: String) -> [String] { fields.filter { Self.same($0.name, name) }.map(\.value) }

  /// Names are ASCII tokens; Unicode's case mapping would make a KELVIN SIGN a `k`.
  static func same(_ a: String, _ b: String) -> Bool {
    a.utf8.count == b.utf8.count && zip(a.utf8, b.utf8).allSatisfy { lower($0) == lower($1) }
  }

  private static func lower(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }
}
