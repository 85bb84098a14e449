public import AstroCore

/// One price of an entry of `config/models.yaml`: its key, and which rate of the model it is.
public struct PriceKey: Sendable {
  public let name: StaticString
  public let tier: ServiceTier
  public let rate: @Sendable (TokenRates) -> Int64?
  let set: @Sendable (inout TokenRates, Int64?) -> Void

  private init(
    _ name: StaticString, _ tier: ServiceTier, _ rate: @escaping @Sendable (TokenRates) -> Int64?,
    _ set: @escaping @Sendable (inout TokenRates, Int64?) -> Void
  ) {
    (self.name, self.tier, self.rate, self.set) = (name, tier, rate, set)
  }

  /// Decimals of a price in USD per million tokens: the last is a picodollar for a token.
  public static let places = 6

  public static let all =
    tier(.standard, "input", "output", "cache_read", "cache_write", "cache_write_1h", "reasoning")
    + tier(
      .batch, "batch_input", "batch_output", "batch_cache_read", "batch_cache_write", "batch_cache_write_1h",
      "batch_reasoning")
    + tier(
      .flex, "flex_input", "flex_output", "flex_cache_read", "flex_cache_write", "flex_cache_write_1h",
      "flex_reasoning")
    + tier(
      .priority, "priority_input", "priority_output", "priority_cache_read", "priority_cache_write",
      "priority_cache_write_1h", "priority_reasoning")

  private static func tier(
    _ tier: ServiceTier, _ input: StaticString, _ output: StaticString, _ read: StaticString, _ write: StaticString,
    _ writeHour: StaticString, _ reasoning: StaticString
  ) -> [PriceKey] {
    [
      PriceKey(input, tier, { $0.input }, { $0.input = $1 }), PriceKey(output, tier, { $0.output }, { $0.output = $1 }),
      PriceKey(read, tier, { $0.cacheRead }, { $0.cacheRead = $1 }),
      PriceKey(write, tier, { $0.cacheWrite }, { $0.cacheWrite = $1 }),
      PriceKey(writeHour, tier, { $0.cacheWriteHour }, { $0.cacheWriteHour = $1 }),
      PriceKey(reasoning, tier, { $0.reasoning }, { $0.reasoning = $1 }),
    ]
  }
}
