import AstroCore
import AstroLLM
import Foundation
import Testing

@Suite struct PriceTests {
  private func table(_ text: String) throws -> LiteLLMPriceTable { try LiteLLMPriceTable(Array(text.utf8)) }

  /// A thousand calls of all dialects, tiers and lengths, against the sums of another program: `Fixtures/ledger.py`.
  @Test func theLedgerIsExactToThePicodollar() throws {
    let lines = try Fixtures.bytes("ledger.jsonl").split(separator: 0x0A).map { try JSONReader.parse(Array($0)) }
    guard case .map(let last)? = lines.last, let prices = last["prices"] else {
      Issue.record("the fixture has no prices")
      return
    }
    var table = PriceTable(try LiteLLMPriceTable(Array(prices.json.utf8)).prices)
    table = PriceTable(table.prices)
    var sum = Money.zero
    for case .map(let line) in lines.dropLast() {
      guard let dialect = line["dialect"]?.text, let usage = line["usage"]?.json, let name = line["price"]?.text,
        let tier = line["tier"].flatMap({ ServiceTier(rawValue: $0.text) }),
        case .integer(let expected)? = line["picodollars"]
      else {
        Issue.record("malformed: \(line)")
        return
      }
      var assembler = AnswerAssembler(dialect: try #require(Dialect(rawValue: dialect)))
      let body =
        switch dialect {
        case "openai_chat": #"{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"usage":\#(usage)}"#
        case "openai_responses": #"{"status":"completed","output":[],"usage":\#(usage)}"#
        default: #"{"content":[],"stop_reason":"end_turn","usage":\#(usage)}"#
        }
      assembler.read(Array(body.utf8))
      let counted = try #require(assembler.finish().answer.usage)
      let cost = try #require(table.price(of: name)).cost(of: counted, tier: tier)
      #expect(cost.picodollars == expected, "\(line)")
      sum += cost
    }
    #expect(lines.count == 1001)
    #expect(sum > .zero)
  }

  /// Whatever a call turns out to use within its bound, at whatever tier, it costs no more than was reserved.
  @Test func noCallCostsMoreThanItsCeiling() throws {
    let table = try table(
      """
      {"m": {"input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05, "cache_read_input_token_cost": 3e-07,
      "cache_creation_input_token_cost": 3.75e-06, "input_cost_per_token_above_200k_tokens": 6e-06,
      "output_cost_per_token_above_200k_tokens": 2.25e-05, "input_cost_per_token_priority": 7e-06,
      "output_cost_per_reasoning_token": 2e-05}}
      """)
    let price = try #require(table.prices.first)
    for prompt in [1, 1000, 200_000, 200_001, 300_000] as [Int64] {
      for cached in [0, prompt / 2, prompt] {
        for tier in [ServiceTier.standard, .flex, .priority] {
          for thought in [0, 77, 100] as [Int64] {
            let ceiling = price.ceiling(prompt: 300_000, output: 100)
            for usage in [
              TokenUsage(input: prompt - cached, cacheRead: cached, output: 100, reasoning: thought),
              TokenUsage(input: prompt - cached, cacheWrite: cached, output: 100, reasoning: thought),
            ] { #expect(price.cost(of: usage, tier: tier) <= ceiling) }
          }
        }
      }
    }
  }

  @Test func whatIsPastAllMoneySaturates() {
    let price = ModelPrice(model: "m", input: .max, output: 1)
    #expect(price.cost(of: TokenUsage(input: 2, output: 5)) == Money(picodollars: .max))
    #expect(price.ceiling(prompt: .max, output: .max) == Money(picodollars: .max))
  }

  @Test func theLongestNameThatFitsHasThePrice() {
    let table = PriceTable(
      ["gpt-4o", "gpt-4o*", "gpt-4*", "*"].enumerated().map { ModelPrice(model: $1, input: Int64($0), output: 0) })
    let found = ["gpt-4o", "gpt-4o-mini", "gpt-4.1", "claude"].map { table.price(of: $0)?.model }
    #expect(found == ["gpt-4o", "gpt-4o*", "gpt-4*", "*"])
    #expect(PriceTable([ModelPrice(model: "m", input: 1, output: 1)]).price(of: "n") == nil)
  }

  @Test func theTableOfLiteLLMIsReadAsItIs() throws {
    let table = try table(
      """
      {"sample_spec": {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0},
      "gpt-x": {"input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-07, "litellm_provider": "openai",
      "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 1.2e-05,
      "input_cost_per_token_priority_above_200k_tokens": 3e-07, "input_cost_per_token_ultrafast": 9e-07,
      "input_cost_per_audio_token": 1e-05},
      "embedding": {"input_cost_per_token": 1e-07}, "image": {"output_cost_per_image": 0.04}}
      """)
    #expect(table.unpriced == 2)
    let price = try #require(table.prices.first)
    #expect(table.prices.count == 1)
    #expect(
      price.rates == [
        PriceCondition(): TokenRates(input: 150_000, output: 600_000),
        PriceCondition(above: 200_000): TokenRates(cacheWriteHour: 12_000_000),
        PriceCondition(tier: .priority, above: 200_000): TokenRates(input: 300_000),
      ])
  }

  private static let wholeTable = ProcessInfo.processInfo.environment["ASTRO_PRICE_TABLE"]

  /// The one in LiteLLM's package, where `Tests/RealComponentTests/llm.sh` says it is.
  @Test(.enabled(if: wholeTable != nil))
  func theWholeTableOfLiteLLMIsRead() throws {
    let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: try #require(Self.wholeTable))))
    let table = try LiteLLMPriceTable(bytes)
    #expect(table.prices.count > 3000)
    let price = try #require(PriceTable(table.prices).price(of: "gpt-4o-mini"))
    #expect(price.cost(of: TokenUsage(input: 1, cacheRead: 1, output: 1)) == Money(picodollars: 825_000))
    #expect(price.cost(of: TokenUsage(input: 1, output: 1), tier: .batch) == Money(picodollars: 375_000))
  }

  @Test(arguments: [("[]", "it is no JSON object with one member a model"), ("{", "JSON ends too early")])
  func whatIsNoTableIsRefused(text: String, why: String) {
    #expect(throws: Failure(.invalidWorkflow, subject: "price table", message: "cannot be read: \(why)")) {
      try table(text)
    }
  }

  @Test(
    arguments: [
      (0, "0"), (1, "0.000000000001"), (12_500_000_000, "0.0125"), (3_000_000_000_000, "3"),
      (-1_500_000_000_000, "-1.5"),
      (.max, "9223372.036854775807"), (.min, "-9223372.036854775808"),
    ] as [(Int64, String)])
  func moneyIsSpelledExactly(picodollars: Int64, text: String) {
    #expect(Money(picodollars: picodollars).spelled == text)
  }

  @Test func tiersAreNamedByTheAnswer() {
    let words = ["priority", "fast", "flex", "batch", "default", "standard", "scale", nil]
    #expect(
      words.map(ServiceTier.init(answer:)) == [
        .priority, .priority, .flex, .batch, .standard, .standard, .standard, .standard,
      ])
  }
}
