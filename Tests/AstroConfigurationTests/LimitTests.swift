import AstroCore
import Testing

@testable import AstroConfiguration

/// Named limits, budgets and prices, as they arrive.
@Suite struct Limits {
  @Test func namedLimitsArrive() throws {
    let limits = try withHome(
      system: """
        limits:
          openai: {concurrent: 8, rate: 60/1m, tokens: 200000/1m, spend_usd: 0.5/1d, per: user, reservation: expected}
          gpu: {concurrent: 2}
          night:
            rate: 60/60
            hours:
              - {from: 22:00, to: '06:00', rate: 600/1m, spend_usd: 20/1d}
              - {from: 06:00, to: 24:00, concurrent: 1}

        """
    ) { try load($0).limits }
    let night = NamedLimit(
      name: "night", bounds: .init(rate: .init(amount: 60, window: .seconds(60))),
      hours: [
        .init(
          from: 1320, to: 360,
          bounds: .init(
            rate: .init(amount: 600, window: .seconds(60)),
            spend: .init(amount: 20_000_000_000_000, window: .seconds(86_400)))),
        .init(from: 360, to: 1440, bounds: .init(concurrent: 1)),
      ])
    #expect(
      limits == [
        NamedLimit(
          name: "openai", scope: .user,
          bounds: .init(
            concurrent: 8, rate: .init(amount: 60, window: .seconds(60)),
            tokens: .init(amount: 200_000, window: .seconds(60)),
            spend: .init(amount: 500_000_000_000, window: .seconds(86_400))), reservation: .expected),
        NamedLimit(name: "gpu", bounds: .init(concurrent: 2)), night,
      ])
    #expect(night.bounds(atMinute: 1439).rate?.amount == 600 && night.bounds(atMinute: 0).rate?.amount == 600)
    #expect(night.bounds(atMinute: 360).rate?.amount == 60 && night.bounds(atMinute: 1439).concurrent == nil)
  }

  @Test func budgetsArrive() throws {
    let budgets = try withHome(
      system: """
        budgets:
          daily: {usd: 20, tokens: 5, calls: 6}
          mine: {usd: 0.000000000001, per: user, period: day, timezone: local, on_exceeded: hold}

        """
    ) { try load($0).budgets }
    var mine = PeriodBudget(name: "mine", bounds: BudgetPlan(cost: Money(picodollars: 1)))
    (mine.scope, mine.timeZone, mine.onExceeded) = (.user, .local, .hold)
    #expect(
      budgets == [
        PeriodBudget(
          name: "daily", bounds: BudgetPlan(cost: Money(picodollars: 20 * Money.perDollar), tokens: 5, calls: 6)),
        mine,
      ])
  }

  @Test func pricesAreExact() throws {
    let prices = try withHome(
      models: """
        models:
          - {model: gpt-4o-mini, input: 0.15, output: 0.60, cache_read: 0.075, cache_write: 0.15}
          - model: claude*
            input: 3
            output: 15
            cache_write_1h: 6
            batch_input: 1.5
            batch_output: 7.5
            reasoning: 16
            flex_cache_read: 0.000001
            priority_input: 4
            above:
              - {tokens: 400000, input: 9, output: 30}
              - {tokens: 200000, input: 0.000001, output: 22.5, batch_output: 11.25}

        """
    ) { try load($0).prices }
    #expect(
      prices == [
        ModelPrice(
          model: "gpt-4o-mini", input: 150_000, output: 600_000,
          rates: [PriceCondition(): TokenRates(cacheRead: 75_000, cacheWrite: 150_000)]),
        ModelPrice(
          model: "claude*", input: 3_000_000, output: 15_000_000,
          rates: [
            PriceCondition(): TokenRates(cacheWriteHour: 6_000_000, reasoning: 16_000_000),
            PriceCondition(tier: .batch): TokenRates(input: 1_500_000, output: 7_500_000),
            PriceCondition(tier: .flex): TokenRates(cacheRead: 1),
            PriceCondition(tier: .priority): TokenRates(input: 4_000_000),
            PriceCondition(above: 400_000): TokenRates(input: 9_000_000, output: 30_000_000),
            PriceCondition(above: 200_000): TokenRates(input: 1, output: 22_500_000),
            PriceCondition(tier: .batch, above: 200_000): TokenRates(output: 11_250_000),
          ]),
      ])
  }

  /// What is commented out in the files of a new home is right once it is no comment.
  @Test func theExamplesOfInitAreValid() throws {
    func uncommented(_ text: String) -> String {
      text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
        for empty in ["limits: {}", "budgets: {}", "mcp_servers: {}", "models: []"] where line == empty {
          return String(line.dropLast(3))
        }
        return line.hasPrefix("#  ") ? String(line.dropFirst()) : String(line)
      }.joined(separator: "\n")
    }
    let agents = uncommented(ConfigurationTemplate.agents)
      .replacing("fallbacks: [llm_agent_002]", with: "fallbacks: []")
    let configuration = try withHome(
      system: uncommented(ConfigurationTemplate.system), agents: agents,
      models: uncommented(ConfigurationTemplate.models)
    ) { try load($0) }
    #expect(Set(configuration.agents.map(\.kind)) == Set(AgentKind.allCases))
    #expect(configuration.limits.map(\.name) == ["openai"] && configuration.budgets.map(\.name) == ["daily"])
    #expect(configuration.servers.keys.sorted() == ["time"] && configuration.prices.count == 2)
    #expect(configuration.prices.last?.rates[PriceCondition(above: 200_000)]?.output == 22_500_000)
  }
}
