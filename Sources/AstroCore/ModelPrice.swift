/// What calls to a model cost.
public struct ModelPrice: Sendable, Hashable {
  /// Its name, or how the names of several begin, and `*`.
  public var model: String
  public private(set) var rates: [PriceCondition: TokenRates]
  /// From the longest prompt down, 0 last.
  private let thresholds: [Int64]

  /// - Parameters:
  ///   - input: in picodollars a token, as `output`, at the standard tier.
  ///   - rates: all else that is listed.
  public init(model: String, input: Int64, output: Int64, rates: [PriceCondition: TokenRates] = [:]) {
    self.model = model
    self.rates = rates
    self.rates[PriceCondition(), default: TokenRates()].input = input
    self.rates[PriceCondition(), default: TokenRates()].output = output
    thresholds = Set(self.rates.keys.map(\.above)).union([0]).sorted(by: >)
  }

  /// The rate of one kind of token. Where a long prompt has rates of its own these come first, those of its tier before the
  /// standard ones.
  private func rate(_ kind: KeyPath<TokenRates, Int64?>, _ tier: ServiceTier, prompt: Int64) -> Int64? {
    for threshold in thresholds where threshold == 0 || prompt > threshold {
      for tier in tier == .standard ? [tier] : [tier, .standard] {
        if let rate = rates[PriceCondition(tier: tier, above: threshold)]?[keyPath: kind] { return rate }
      }
    }
    return nil
  }

  /// The rates of a call, each in force: a cache that is not priced apart costs as the prompt, thinking as the answer.
  private func rates(
    _ tier: ServiceTier, prompt: Int64
  ) -> (input: Int64, read: Int64, write: Int64, writeHour: Int64, output: Int64, reasoning: Int64) {
    let input = rate(\.input, tier, prompt: prompt) ?? 0
    let output = rate(\.output, tier, prompt: prompt) ?? 0
    let write = rate(\.cacheWrite, tier, prompt: prompt) ?? input
    return (
      input, rate(\.cacheRead, tier, prompt: prompt) ?? input, write,
      rate(\.cacheWriteHour, tier, prompt: prompt) ?? write, output,
      rate(\.reasoning, tier, prompt: prompt) ?? output
    )
  }

  /// What a call cost, to the picodollar; saturates where no budget reaches.
  ///
  /// ``TokenUsage`` counts each token once, so that one formula serves providers whose prompt includes what was cached
  /// (OpenAI) and those whose does not (Anthropic).
  public func cost(of usage: TokenUsage, tier: ServiceTier = .standard) -> Money {
    let rates = rates(tier, prompt: usage.prompt)
    let thought = min(usage.reasoning, usage.output)
    return Money(usage.input, at: rates.input) + Money(usage.cacheRead, at: rates.read)
      + Money(usage.cacheWrite, at: rates.write) + Money(usage.cacheWriteHour, at: rates.writeHour)
      + Money(usage.output - thought, at: rates.output) + Money(thought, at: rates.reasoning)
  }

  /// The most a call can cost, whichever of the tiers answers it and whether or not its prompt is written to the cache that
  /// is automatic. A prompt shorter than `prompt` may have dearer rates only in a table that is wrong.
  public func ceiling(
    prompt: Int64, output: Int64, tiers: [ServiceTier] = [.standard, .flex, .priority]
  ) -> Money {
    tiers.map { tier in
      let rates = rates(tier, prompt: prompt)
      return Money(prompt, at: max(rates.input, rates.read, rates.write))
        + Money(output, at: max(rates.output, rates.reasoning))
    }.max() ?? .zero
  }
}

extension Money {
  fileprivate init(_ tokens: Int64, at rate: Int64) {
    let (product, overflows) = max(0, tokens).multipliedReportingOverflow(by: max(0, rate))
    self.init(picodollars: overflows ? .max : product)
  }
}
