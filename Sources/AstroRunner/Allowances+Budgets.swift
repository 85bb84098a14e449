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
          title: "the budget '\(budget.name)'\(whose) of \(day.name)", policy: budget.onExceeded))
    }
    return accounts
  }

  func obstacle(
    to demand: Demand, of accounts: [Account], _ reading: Reading, _ now: Timestamp
  ) throws(Failure) -> Answer? {
    guard let ceiling = demand.ceiling else { return nil }
    for account in accounts {
      let record = try reading.budget(account.place) ?? BudgetRecord(place: account.place)
      switch record.obstacle(to: ceiling, under: account.bounds) {
      case nil: continue
      case .reserved:
        // Of calls of this runner it is heard at once when they are settled; of others after this pause. Whoever is next
        // takes what they leave, however little others need.
        return .refused(verdict(of: account, until: now + Self.slotPause, at: now))
      case .used(let words, let leavesLess):
        // Not even of a budget that is whole.
        if account.renewal != nil,
          case .used(let always, _)? = BudgetRecord(place: account.place).obstacle(
            to: ceiling, under: record.bounds(account.bounds))
        {
          return .never("\(account.title): \(always)")
        }
        guard let renewal = account.renewal, account.policy == .park else {
          return .overBudget("\(account.title): \(words)")
        }
        var verdict = verdict(of: account, until: renewal, at: now)
        verdict.bindsOthers = !leavesLess
        return .refused(verdict)
      }
    }
    return nil
  }

  private func verdict(of account: Account, until time: Timestamp, at now: Timestamp) -> LimitVerdict {
    let place = account.place.waitedFor
    return LimitVerdict(
      limiter: place.limiter, key: place.key, allowed: false,
      limit: account.bounds.cost?.picodollars ?? account.bounds.tokens ?? account.bounds.calls ?? 0, remaining: 0,
      resetAt: time, retryAfter: time - now)
  }
}

extension BudgetPlace {
  /// Where those wait whom it refuses: of a budget that renews itself in every period.
  var waitedFor: LimitPlace {
    switch scope {
    case "run": LimitPlace(limiter: LimiterName.runBudget, key: key)
    case "task": LimitPlace(limiter: LimiterName.taskBudget, key: key)
    default: LimitPlace(limiter: scope, key: key.firstIndex(of: "/").map { String(key[key.index(after: $0)...]) } ?? "")
    }
  }
}
