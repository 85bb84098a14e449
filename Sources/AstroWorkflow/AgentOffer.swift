public import AstroCore

/// An agent as tasks see it: what they may ask for.
public struct AgentOffer: Sendable {
  public var id: String
  public var kind: AgentKind
  public var capabilities: Set<String>
  /// The form of the tasks it takes.
  public var form: WorkForm
  /// The named limits each of its tasks takes.
  public var limits: [String]
  /// What it answers by where a task says nothing: a model, a base URL, a server of tools. `nil` where tasks must say.
  public var standard: String?
  /// The models of the agents asked in its place when its provider fails.
  public var fallbackModels: [String]
  /// What it would refuse of a request, of which it is told the members whose values are known and the keys of the others.
  /// `nil` where it takes whatever it is asked.
  public var flaws: (@Sendable (_ members: [String: JSONValue], _ undecided: Set<String>) -> [RequestFlaw])?

  public init(
    id: String, kind: AgentKind, capabilities: Set<String> = [], form: WorkForm? = nil, limits: [String] = [],
    standard: String? = nil, fallbackModels: [String] = []
  ) {
    self.id = id
    self.kind = kind
    self.capabilities = capabilities
    self.form = form ?? (kind == .command ? .run : .with)
    self.limits = limits
    self.standard = standard
    self.fallbackModels = fallbackModels
  }

  func answers(to name: String?) -> Bool { name == nil || name == id || name == kind.rawValue }
  /// Whether it has what is asked for, whatever its form.
  func suits(_ request: AgentRequest) -> Bool {
    answers(to: request.name) && request.capabilities.allSatisfy(capabilities.contains)
  }
}
