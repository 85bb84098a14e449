public import AstroCore
import GRDB

/// The ledger of calls and the budgets it is held against. A call is written before it is made and settled after; one that
/// is never settled, because its runner died, stays counted whole: a crash can waste money of a budget, never overdraw it.
extension Transaction {
  /// Writes a call that was given leave, and reserves its ceiling in its budgets.
  public func begin(_ call: CallRecord) throws(Failure) -> CallID {
    try session.run(
      """
      INSERT INTO call(run, task, number, agent, model, started_at, started_boot, boot_id, reserved_tokens, \
      reserved_cost, charges, budgets, line) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """,
      [
        call.key.workflow.text, call.key.task, call.key.number, call.agent, call.ceiling.model,
        call.started.wall.microseconds, call.started.boot, call.bootID, call.ceiling.tokens,
        call.ceiling.cost?.picodollars, RecordText.encode(call.charges), RecordText.encode(call.budgets),
        call.line,
      ])
    let id = try session.rows("SELECT last_insert_rowid()") { $0[0] as Int64? ?? 0 }.first ?? 0
    for place in call.budgets {
      var budget = try reading.budget(place) ?? BudgetRecord(place: place)
      budget.costHeld += call.ceiling.cost ?? .zero
      budget.tokensHeld += call.ceiling.tokens
      budget.calls += 1
      try put(budget)
    }
    return CallID(id)
  }

  /// Settles a call: what was reserved for it is replaced by what it took, in its budgets; its limits are the caller's.
  /// What the provider did not tell is taken to be the whole ceiling.
  /// - Returns: the call as it was; `nil` when it is settled already.
  public func settle(_ id: CallID, _ account: CallAccount) throws(Failure) -> CallRecord? {
    guard let call = try reading.call(id), call.account == nil else { return nil }
    let usage = account.usage
    try session.run(
      """
      UPDATE call SET answered_by = ?, status = ?, duration_us = ?, input = ?, cache_read = ?, cache_write = ?, \
      cache_write_hour = ?, output = ?, reasoning = ?, cost = ? WHERE id = ?
      """,
      [
        account.model, account.status.rawValue, account.duration.microseconds, usage?.input, usage?.cacheRead,
        usage?.cacheWrite, usage?.cacheWriteHour, usage?.output, usage?.reasoning, account.cost?.picodollars, id.number,
      ])
    for place in call.budgets {
      guard var budget = try reading.budget(place) else { continue }
      budget.costHeld -= call.ceiling.cost ?? .zero
      budget.tokensHeld -= call.ceiling.tokens
      budget.costSpent += account.cost ?? call.ceiling.cost ?? .zero
      budget.tokensSpent += usage?.total ?? call.ceiling.tokens
      try put(budget)
    }
    return call
  }

  /// Forgets a call that was given leave and will not be made, with all that was reserved for it in budgets.
  public func withdraw(_ id: CallID) throws(Failure) -> CallRecord? {
    guard let call = try reading.call(id), call.account == nil else { return nil }
    for place in call.budgets {
      guard var budget = try reading.budget(place) else { continue }
      budget.costHeld -= call.ceiling.cost ?? .zero
      budget.tokensHeld -= call.ceiling.tokens
      budget.calls -= 1
      try put(budget)
    }
    try session.run("DELETE FROM call WHERE id = ?", [id.number])
    return call
  }

  /// Raises the bounds of a budget, or lowers them; what is `nil` in `bounds` stays.
  public func raise(_ place: BudgetPlace, to bounds: BudgetPlan) throws(Failure) {
    var budget = try reading.budget(place) ?? BudgetRecord(place: place)
    budget.raised = budget.bounds(BudgetPlan()).merged(with: bounds)
    try put(budget)
  }

  /// Forgets accounts of periods long past; those of runs go with them.
  public func forgetBudgets(before time: Timestamp) throws(Failure) {
    try session.run(
      "DELETE FROM budget WHERE changed_at < ? AND scope NOT IN ('run', 'task')", [time.microseconds])
  }

  private func put(_ budget: BudgetRecord) throws(Failure) {
    try session.run(
      "INSERT OR REPLACE INTO budget VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      [
        budget.place.scope, budget.place.key, budget.costHeld.picodollars, budget.costSpent.picodollars,
        budget.tokensHeld, budget.tokensSpent, budget.calls, budget.raised.cost?.picodollars, budget.raised.tokens,
        budget.raised.calls, now.wall.microseconds,
      ])
  }
}

extension BudgetPlan {
  fileprivate func merged(with other: BudgetPlan) -> BudgetPlan {
    BudgetPlan(cost: other.cost ?? cost, tokens: other.tokens ?? tokens, calls: other.calls ?? calls)
  }
}
