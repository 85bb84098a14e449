/// What the home has that a workflow may refer to.
public struct Surroundings: Sendable {
  public var agents: [AgentOffer]
  /// The named limits, and whether each bounds spending.
  public var limits: [String: LimitOffer]
  /// The names of `mcp_servers`.
  public var servers: Set<String>
  /// The models that have a price; one may end in `*`.
  public var pricedModels: [String]
  /// A budget that bounds the spending of all runs, if there is one.
  public var spendingBudget: String?

  public struct LimitOffer: Sendable {
    public var boundsSpending: Bool
    public init(boundsSpending: Bool) { self.boundsSpending = boundsSpending }
  }

  public init(
    agents: [AgentOffer], limits: [String: LimitOffer] = [:], servers: Set<String> = [], pricedModels: [String] = [],
    spendingBudget: String? = nil
  ) {
    self.agents = agents
    self.limits = limits
    self.servers = servers
    self.pricedModels = pricedModels
    self.spendingBudget = spendingBudget
  }

  func hasPrice(for model: String) -> Bool {
    pricedModels.contains { $0 == model || ($0.hasSuffix("*") && model.hasPrefix($0.dropLast())) }
  }
}
