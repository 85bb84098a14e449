import AstroCore

extension ToolAnswer {
  /// Without these secrets, wherever in it they are.
  public func masked(_ secrets: [String]) -> ToolAnswer {
    if secrets.isEmpty { return self }
    var mask = SecretMask(secrets: secrets)
    return ToolAnswer(
      Self.masked(text, &mask), structured: structured.map { Self.masked($0, &mask) }, isError: isError)
  }

  private static func masked(_ text: String, _ mask: inout SecretMask) -> String {
    String(decoding: mask.masked(text.utf8), as: UTF8.self)
  }

  private static func masked(_ value: JSONValue, _ mask: inout SecretMask) -> JSONValue {
    switch value {
    case .string(let text): return .string(masked(text, &mask))
    case .list(let items): return .list(items.map { masked($0, &mask) })
    case .map(let members): return .map(members.mapValues { masked($0, &mask) })
    case .null, .bool, .integer, .number: return value
    }
  }
}
