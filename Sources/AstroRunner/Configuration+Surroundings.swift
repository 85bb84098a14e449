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
    return offer
  }
}

extension NamedLimit {
  fileprivate var boundsSpending: Bool { bounds.spend != nil || hours.contains { $0.bounds.spend != nil } }
}
