import AstroCore

/// An agent as tasks see it: what they may ask for.
public struct AgentOffer: Sendable {
  public var id: String
  /// The type's name, `command`.
  public var kind: String
  public var capabilities: Set<String>

  public init(id: String, kind: String, capabilities: Set<String>) {
    self.id = id
    self.kind = kind
    self.capabilities = capabilities
  }

  func answers(to name: String?) -> Bool { name == nil || name == id || name == kind }
  func suits(_ request: AgentRequest) -> Bool {
    answers(to: request.name) && request.capabilities.allSatisfy(capabilities.contains)
  }
}
