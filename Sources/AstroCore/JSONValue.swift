/// A value of the expression language and of JSON. Integers and other numbers are told apart, as in YAML 1.2.
public indirect enum JSONValue: Sendable, Hashable {
  case null
  case bool(Bool)
  case integer(Int64)
  case number(Double)
  case string(String)
  case list([JSONValue])
  case map([String: JSONValue])

  /// The word used for the type in messages.
  public var typeName: String {
    switch self {
    case .null: "null"
    case .bool: "boolean"
    case .integer: "integer"
    case .number: "number"
    case .string: "string"
    case .list: "list"
    case .map: "mapping"
    }
  }

  /// The type with its article: `an integer`.
  public var described: String {
    switch self {
    case .null: "null"
    case .integer: "an integer"
    case .bool, .number, .string, .list, .map: "a \(typeName)"
    }
  }

  /// Equality of the expression language: an integer equals the same number, at any depth.
  public func isSame(as other: JSONValue) -> Bool {
    switch (self, other) {
    case (.integer(let a), .number(let b)), (.number(let b), .integer(let a)): Double(a) == b
    // By bytes, as `<` and startsWith() see texts; Swift's own == takes canonical equivalents for the same.
    case (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
    case (.list(let a), .list(let b)): a.count == b.count && zip(a, b).allSatisfy { $0.isSame(as: $1) }
    case (.map(let a), .map(let b)):
      a.count == b.count && a.allSatisfy { name, value in b[name].map(value.isSame) ?? false }
    default: self == other
    }
  }

  /// `false`, `null`, `0` and `""` are false; everything else is true (as in GitHub Actions).
  public var isTruthy: Bool {
    switch self {
    case .null: false
    case .bool(let value): value
    case .integer(let value): value != 0
    case .number(let value): value != 0 && !value.isNaN
    case .string(let value): !value.isEmpty
    case .list, .map: true
    }
  }

  /// The text a value becomes inside a string: strings as they are, `null` nothing, lists and mappings JSON.
  public var text: String {
    switch self {
    case .null: ""
    case .string(let value): value
    case .bool, .integer, .number, .list, .map: json
    }
  }

  /// Compact JSON, keys sorted, control and bidirectional characters escaped.
  public var json: String {
    var writer = JSONWriter()
    writer.value(self)
    return String(decoding: writer.bytes, as: UTF8.self)
  }
}
