/// What one token of each kind costs, in picodollars: whole numbers, so that a ledger is exact. `nil` is not listed.
public struct TokenRates: Sendable, Hashable {
  public var input: Int64?
  public var output: Int64?
  public var cacheRead: Int64?
  public var cacheWrite: Int64?
  public var cacheWriteHour: Int64?
  public var reasoning: Int64?

  public init(
    input: Int64? = nil, output: Int64? = nil, cacheRead: Int64? = nil, cacheWrite: Int64? = nil,
    cacheWriteHour: Int64? = nil, reasoning: Int64? = nil
  ) {
    self.input = input
    self.output = output
    self.cacheRead = cacheRead
    self.cacheWrite = cacheWrite
    self.cacheWriteHour = cacheWriteHour
    self.reasoning = reasoning
  }
}

/// How urgently a call was answered, which has a price.
public enum ServiceTier: String, Sendable, CaseIterable {
  case standard, batch, flex, priority

  /// - Parameter answer: what a provider said, in its words; what is not known counts as standard.
  public init(answer: String?) {
    self = answer == "fast" ? .priority : answer.flatMap(ServiceTier.init(rawValue:)) ?? .standard
  }
}

/// When rates hold.
public struct PriceCondition: Sendable, Hashable {
  public var tier: ServiceTier
  /// For the whole of a call whose prompt has more tokens than this.
  public var above: Int64

  public init(tier: ServiceTier = .standard, above: Int64 = 0) {
    self.tier = tier
    self.above = above
  }
}
