import AstroCore

/// Who could take a task.
struct Takers {
  enum Fault {
    /// No agent has what it asks for.
    case nobody
    /// There are some, and they take the other form.
    case otherForm([AgentOffer])
  }

  var offers: [AgentOffer] = []
  /// The type they are all of; also where no agents are known and the task names a type.
  var kind: AgentKind?
  var fault: Fault?

  /// - Parameter agents: `nil` where they are not known: all that can be said is what a type's name says.
  init(_ request: AgentRequest, among agents: [AgentOffer]?) {
    if let agents {
      let suited = agents.filter { $0.suits(request) }
      offers = suited.filter { $0.form == request.form }
      kind = Self.commonKind(offers.isEmpty ? suited : offers)
      if suited.isEmpty { fault = .nobody } else if offers.isEmpty { fault = .otherForm(suited) }
    } else {
      kind = request.name.flatMap { AgentKind(rawValue: $0) }
      // An agent of type command may be a program of its own: then it takes the other form.
      if request.form == .run, let kind, kind != .command { fault = .otherForm([]) }
    }
  }

  private static func commonKind(_ offers: [AgentOffer]) -> AgentKind? {
    guard let first = offers.first?.kind, offers.allSatisfy({ $0.kind == first }) else { return nil }
    return first
  }
}
