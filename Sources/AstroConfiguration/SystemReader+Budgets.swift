import AstroCore
import AstroYAML

/// `budgets:`, which bound all runs together.
extension SystemReader {
  private static let budgetKeys = KeySet(
    StrictDecoder.budgetKeys + ["per", "period", "timezone", "on_exceeded"])

  func budgets(_ node: YAMLNode) -> [PeriodBudget] {
    guard let entries = decoder.entries(node, hint: "write {daily: {usd: 20}}") else { return [] }
    return entries.compactMap { key, value in
      name(key, of: "a budget")
      guard let reader = decoder.mapping(value, keys: Self.budgetKeys, hint: "write {usd: 20}") else { return nil }
      var budget = PeriodBudget(name: key.text, bounds: decoder.budget(reader))
      budget.scope = reader.word("per", as: PeriodBudget.Scope.self) ?? budget.scope
      budget.period = reader.word("period", as: PeriodBudget.Period.self) ?? budget.period
      budget.timeZone = reader.word("timezone", as: PeriodBudget.TimeZone.self) ?? budget.timeZone
      budget.onExceeded = reader.word("on_exceeded", as: PeriodBudget.Policy.self) ?? budget.onExceeded
      return budget
    }
  }
}
