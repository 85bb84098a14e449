import AstroCore

/// Looking into what a provider sent: what is not of the kind asked for is as good as absent.
extension JSONValue {
  subscript(name: String) -> JSONValue? {
    guard case .map(let members) = self, let value = members[name], value != .null else { return nil }
    return value
  }

  var string: String? { if case .string(let text) = self { text } else { nil } }
  var items: [JSONValue]? { if case .list(let items) = self { items } else { nil } }
  var members: [String: JSONValue]? { if case .map(let members) = self { members } else { nil } }

  var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// A count, as ``TokenUsage/bounded(_:)`` takes it; whole numbers may be written with a fraction.
  var count: Int64? {
    switch self {
    case .integer(let value): TokenUsage.bounded(value)
    case .number(let value) where value >= 0: TokenUsage.bounded(Int64(min(value, 0x1p62)))
    default: nil
    }
  }
}
