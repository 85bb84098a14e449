import AstroAgents
import AstroConfiguration
import AstroCore
import AstroWorkflow

extension Configuration {
  /// What workflows may refer to.
  var surroundings: Surroundings {
    Surroundings(
      agents: agents.map(offer),
      limits: Dictionary(
        limits.map { ($0.name, .init(boundsSpending: $0.boundsSpending)) }, uniquingKeysWith: { first, _ in first }),
      servers: Set(servers.keys), pricedModels: prices.map(\.model),
      spendingBudget: budgets.first { $0.bounds.cost != nil }?.name)
  }

  private func offer(_ agent: AgentConfiguration) -> AgentOffer {
    var offer = AgentOffer(
      id: agent.id, kind: agent.kind, capabilities: agent.abilities, form: agent.form, limits: agent.limits)
    switch agent.settings {
    case .command(let settings): offer.standard = settings?.model
    case .llm(let settings):
      offer.standard = settings.model
      offer.fallbackModels = settings.fallbacks.compactMap { id in
        guard case .llm(let other)? = self.agent(id)?.settings else { return nil }
        return other.model
      }
    case .http(let settings): offer.standard = settings.baseURL
    case .mcp(let settings): offer.standard = settings.server?.command.first
    case .code, .exec: break
    }
    if let check = agent.settings.requestCheck { offer.flaws = { check.flaws(in: $0, undecided: $1) } }
    return offer
  }
}

extension AgentSettings {
  /// What reads the requests of its tasks; `nil` where the runner reads none.
  fileprivate var requestCheck: RequestCheck? {
    switch self {
    case .command(nil), .exec: nil
    case .command: .commandLine
    case .code: .code
    case .llm(let settings): .llm(settings.defaults)
    case .http: .http
    case .mcp: .mcp
    }
  }
}

extension AstroConfiguration.LLMSettings {
  /// Of tasks that do not say.
  var defaults: LLMTask.Defaults { .init(maxOutputTokens: Int64(maxOutputTokens), tools: tools) }
}

extension NamedLimit {
  fileprivate var boundsSpending: Bool { bounds.spend != nil || hours.contains { $0.bounds.spend != nil } }
}
