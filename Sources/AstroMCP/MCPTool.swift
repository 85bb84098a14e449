public import AstroCore

/// A tool that a server offers.
public struct MCPTool: Sendable, Equatable {
  public var name: String
  public var description: String
  /// The JSON Schema of its arguments.
  public var inputSchema: JSONValue
  public var outputSchema: JSONValue?
  /// Hints of the server's own (MCP, tool annotations); what it does not say is taken for no.
  public var isReadOnly: Bool
  public var isIdempotent: Bool

  /// Whether calling it twice does no more than calling it once.
  public var isRepeatable: Bool { isReadOnly || isIdempotent }

  public init(
    name: String, description: String = "", inputSchema: JSONValue = .map(["type": .string("object")]),
    outputSchema: JSONValue? = nil, isReadOnly: Bool = false, isIdempotent: Bool = false
  ) {
    self.name = name
    self.description = description
    self.inputSchema = inputSchema
    self.outputSchema = outputSchema
    self.isReadOnly = isReadOnly
    self.isIdempotent = isIdempotent
  }

  /// `nil` for what has no name.
  init?(_ value: JSONValue) {
    guard case .map(let members) = value, case .string(let name)? = members["name"], !name.isEmpty else { return nil }
    self.init(name: name)
    if case .string(let text)? = members["description"] { description = text }
    if case .map? = members["inputSchema"] { inputSchema = members["inputSchema"] ?? inputSchema }
    outputSchema = members["outputSchema"]
    guard case .map(let annotations)? = members["annotations"] else { return }
    isReadOnly = annotations["readOnlyHint"] == .bool(true)
    isIdempotent = annotations["idempotentHint"] == .bool(true)
  }
}
