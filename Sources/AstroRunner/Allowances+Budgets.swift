import AstroConfiguration
import AstroCore
import AstroJournal

/// The budgets that a call is held against.
extension Allowances {
  struct Account {
    var place: BudgetPlace
    var bounds: BudgetPlan
    /// When it is whole again, for one of a period.
    var renewal: Timestamp?
    var title: String
    /// Whose it is, of one that each user has.
    var user: String?
    var policy = PeriodBudget.Policy.hold
  }

  func accounts(of demand: Demand, at now: Timestamp) -> [Account] {
    guard demand.ceiling != nil else { return [] }
    var accounts: [Account] = []
    if let budget = demand.budget {
      accounts.append(
        Account(
          place: .task(demand.key.task, of: demand.key.workflow), bounds: budget,
          title: "the budget of task '\(demand.key.task)'"))
    }
    if let budget = demand.runBudget {
      accounts.append(Account(place: .run(demand.key.workflow), bounds: budget, title: "the budget of the run"))
    }
    for budget in budgets {
      let day = LocalTime.day(of: now, isLocal: budget.timeZone == .local)
      let key = budget.scope == .user ? "\(day.name)/\(demand.user)" : day.name
      let whose = budget.scope == .user ? " of user \(demand.user)" : ""
      accounts.append(
        Account(
          place: BudgetPlace(scope: "budget:\(budget.name)", key: key), bounds: budget.bounds, renewal: day.end,
          title: "the budget '\(budget.name)'\(whose) of \(day.name)",
          user: budget.scope == .user ? demand.user : nil, policy: budget.onExceeded))
    }
    return accounts
  }

  func obstacle(
    to demand: Demand, of accounts: [Account], _ reading: Reading, _ now: Timestamp
  ) throws(Failure) -> Answer? {
    guard let ceiling = demand.ceiling else { return nil }
    for account in accounts {
      let record = try reading.budget(account.place) ?? BudgetRecord(place: account.place)
      guard let obstacle = record.obstacle(to: ceiling, under: account.bounds) else { continue }
      // Not even of a budget that is whole.
      if account.renewal != nil,
        let always = BudgetRecord(place: account.place).obstacle(to: ceiling, under: record.bounds(account.bounds))
      {
        return .never("\(account.title): \(always)")
      }
      guard let renewal = account.renewal, account.policy == .park else {
        return .overBudget("\(account.title): \(obstacle)")
      }
      return .refused(
        LimitVerdict(
          limiter: account.place.scope, key: account.user ?? "", allowed: false,
          limit: account.bounds.cost?.picodollars ?? account.bounds.tokens ?? account.bounds.calls ?? 0, remaining: 0,
          resetAt: renewal, retryAfter: renewal - now))
    }
    return nil
  }
}
