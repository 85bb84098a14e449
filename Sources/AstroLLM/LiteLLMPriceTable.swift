public import AstroCore

/// LiteLLM's table of prices, `model_prices_and_context_window.json`: one object a model, in USD a token.
///
/// Read are the prices of text: `input_cost_per_token` and its kin, with the suffixes of long prompts
/// (`_above_200k_tokens`), of caches that last an hour (`_above_1hr`) and of service tiers (`_batches`, `_flex`,
/// `_priority`), and `tiered_pricing`.
public struct LiteLLMPriceTable: Sendable {
  public private(set) var prices: [ModelPrice] = []
  /// Models without a price for both prompt and answer.
  public private(set) var unpriced = 0

  /// - Parameter bytes: the file.
  /// - Throws: why it is no such table.
  public init(_ bytes: [UInt8]) throws(Failure) {
    let models: [String: JSONValue]
    do throws(EvaluationError) {
      guard let members = try JSONReader.parse(bytes).members else {
        throw EvaluationError("it is no JSON object with one member a model")
      }
      models = members
    } catch {
      throw Failure(.invalidWorkflow, subject: "price table", message: "cannot be read: \(error.message)")
    }
    // An entry that explains the others.
    for (name, entry) in models.sorted(by: { $0.key < $1.key }) where name != "sample_spec" {
      if let price = Self.price(name, entry.members ?? [:]) { prices.append(price) } else { unpriced += 1 }
    }
  }

  private static func price(_ name: String, _ entry: [String: JSONValue]) -> ModelPrice? {
    var rates: [PriceCondition: TokenRates] = [:]
    for (key, value) in entry {
      guard let (kind, condition) = meaning(of: key), let rate = picodollars(value) else { continue }
      rates[condition, default: TokenRates()][keyPath: kind] = rate
    }
    for tier in entry["tiered_pricing"]?.items ?? [] {
      guard let above = tier["range"]?.items?.first?.double, above >= 0, above < 0x1p53 else { continue }
      for (key, value) in tier.members ?? [:] {
        guard let (kind, _) = meaning(of: key), let rate = picodollars(value) else { continue }
        rates[PriceCondition(above: Int64(above)), default: TokenRates()][keyPath: kind] = rate
      }
    }
    guard let standard = rates[PriceCondition()], let input = standard.input, let output = standard.output else {
      return nil
    }
    return ModelPrice(model: name, input: input, output: output, rates: rates)
  }

  private static let kinds: [(name: String, kind: any WritableKeyPath<TokenRates, Int64?> & Sendable)] = [
    ("input_cost_per_token", \.input), ("output_cost_per_token", \.output),
    ("cache_read_input_token_cost", \.cacheRead),
    ("cache_creation_input_token_cost_above_1hr", \.cacheWriteHour),
    ("cache_creation_input_token_cost", \.cacheWrite), ("output_cost_per_reasoning_token", \.reasoning),
  ]
  private static let tiers: [(suffix: String, tier: ServiceTier)] = [
    ("_batches", .batch), ("_flex", .flex), ("_priority", .priority),
  ]

  /// Which rate a key is, and when it holds; `nil` for what is no price of text. Tier and length come in either order.
  private static func meaning(
    of key: String
  ) -> (kind: any WritableKeyPath<TokenRates, Int64?> & Sendable, condition: PriceCondition)? {
    guard let (name, kind) = kinds.first(where: { key.hasPrefix($0.name) }) else { return nil }
    var rest = key.dropFirst(name.count)
    var condition = PriceCondition()
    while !rest.isEmpty {
      if let (suffix, tier) = tiers.first(where: { rest.hasPrefix($0.suffix) }) {
        condition.tier = tier
        rest = rest.dropFirst(suffix.count)
      } else if let (above, length) = threshold(rest) {
        condition.above = above
        rest = rest.dropFirst(length)
      } else {
        return nil
      }
    }
    return (kind, condition)
  }

  /// `_above_200k_tokens`, `_above_512_tokens`, and how long it is.
  private static func threshold(_ text: Substring) -> (above: Int64, length: Int)? {
    let prefix = "_above_"
    guard text.hasPrefix(prefix) else { return nil }
    let digits = text.dropFirst(prefix.count).prefix { $0.isASCII && $0.isNumber }
    guard let number = Int64(digits), number < 1 << 40 else { return nil }
    let rest = text.dropFirst(prefix.count + digits.count)
    for (unit, factor) in [("k_tokens", 1000), ("_tokens", 1)] as [(String, Int64)] where rest.hasPrefix(unit) {
      return (number * factor, prefix.count + digits.count + unit.count)
    }
    return nil
  }

  /// Rounded to the nearest whole one, since the binary form of a decimal price is off by less than that; what costs anything
  /// costs one at least, and never nothing.
  private static func picodollars(_ value: JSONValue) -> Int64? {
    guard let dollars = value.double, dollars >= 0, dollars < 1000 else { return nil }
    return dollars > 0 ? max(1, Int64((dollars * 1e12).rounded())) : 0
  }
}
