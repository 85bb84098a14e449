import AstroCore
import AstroJournal

/// New bounds for the budget of a run, or of one of its tasks: never lower than those that hold.
struct BudgetRaise {
  private let id: WorkflowID
  private let wanted: BudgetPlan

  /// - Parameter wanted: what is `nil` in it stays as it is.
  init(of id: WorkflowID, to wanted: BudgetPlan) {
    self.id = id
    self.wanted = wanted
  }

  /// - Parameter task: whose budget it is; `nil` is the whole run's.
  /// - Throws: `not_found` for a task that the run does not have, `usage` for what is no raise.
  func make(for task: String?, of plan: WorkflowPlan, in transaction: Transaction) throws(Failure) {
    let place: BudgetPlace
    let written: BudgetPlan?
    if let task {
      place = .task(task, of: id)
      written = plan.tasks[try RetrySelection.index(of: task, in: plan, id)].budget
    } else {
      place = .run(id)
      written = plan.budget
    }
    let record = try transaction.reading.budget(place) ?? BudgetRecord(place: place)
    let bounds = record.bounds(written ?? BudgetPlan())
    let whose = task.map { "task '\($0)'" } ?? "the run"
    try check(wanted.cost, above: bounds.cost, "usd", of: whose) { ("\($0)", $0.spelled) }
    try check(wanted.tokens, above: bounds.tokens, "tokens", of: whose) { ("\($0) tokens", "\($0)") }
    try check(wanted.calls, above: bounds.calls, "calls", of: whose) { ("\($0) calls", "\($0)") }
    try transaction.raise(place, to: wanted)
  }

  private func check<Amount: Comparable>(
    _ wanted: Amount?, above bound: Amount?, _ option: String, of whose: String,
    _ spell: (Amount) -> (told: String, typed: String)
  ) throws(Failure) {
    guard let wanted else { return }
    guard let bound else {
      throw Failure(
        .usage, subject: id.text, message: "the budget of \(whose) does not bound \(option): there is nothing to raise")
    }
    guard wanted < bound else { return }
    throw Failure(
      .usage, subject: id.text,
      message: "--\(option) \(spell(wanted).typed) would lower the budget of \(whose), which is \(spell(bound).told)")
  }
}
