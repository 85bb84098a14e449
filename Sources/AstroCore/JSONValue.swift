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
