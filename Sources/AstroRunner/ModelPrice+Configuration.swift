import AstroConfiguration
import AstroCore

extension ModelPrice {
  /// As it stands in `config/models.yaml`.
  init(_ entry: ModelPriceEntry) {
    var rates = Self.rates(entry.rates, above: 0)
    for tier in entry.above { rates.merge(Self.rates(tier.rates, above: tier.tokens)) { $1 } }
    self.init(model: entry.model, input: entry.rates.input, output: entry.rates.output, rates: rates)
  }

  private static func rates(
    _ rates: ModelPriceEntry.Rates, above threshold: Int64
  ) -> [PriceCondition: TokenRates] {
    var found: [PriceCondition: TokenRates] = [
      PriceCondition(above: threshold): TokenRates(
        input: rates.input, output: rates.output, cacheRead: rates.cacheRead, cacheWrite: rates.cacheWrite,
        cacheWriteHour: rates.cacheWriteHour)
    ]
    if rates.batchInput != nil || rates.batchOutput != nil {
      found[PriceCondition(tier: .batch, above: threshold)] = TokenRates(
        input: rates.batchInput, output: rates.batchOutput)
    }
    return found
  }
}
