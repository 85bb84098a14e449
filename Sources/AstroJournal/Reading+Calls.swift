public import AstroCore
import GRDB

extension Reading {
  public func call(_ id: CallID) throws(Failure) -> CallRecord? {
    try session.rows("SELECT * FROM call WHERE id = ?", [id.number], decodeCall).first
  }

  /// In the order they were made.
  public func calls(of run: WorkflowID) throws(Failure) -> [CallRecord] {
    try session.rows("SELECT * FROM call WHERE run = ? ORDER BY id", [run.text], decodeCall)
  }

  /// What the calls of each attempt took, without any of them in memory: a batch makes tens of thousands.
  public func callTotals(of run: WorkflowID) throws(Failure) -> [AttemptKey: CallTotals] {
    let rows = try session.rows(
      """
      SELECT task, number, count(*), sum(input), sum(cache_read), sum(cache_write), sum(cache_write_hour), sum(output), \
      sum(reasoning), sum(coalesce(cost, reserved_cost)), count(*) FILTER (WHERE input IS NULL), \
      count(*) FILTER (WHERE cost IS NULL AND reserved_cost IS NULL) FROM call WHERE run = ? GROUP BY task, number
      """, [run.text]
    ) { row in
      let key = AttemptKey(workflow: run, task: row.text(0), number: row[1] as Int? ?? 0)
      let counts = (3...8).map { row[$0] as Int64? ?? 0 }
      return (
        key,
        CallTotals(
          calls: row[2] as Int? ?? 0,
          usage: TokenUsage(
            input: counts[0], cacheRead: counts[1], cacheWrite: counts[2], cacheWriteHour: counts[3], output: counts[4],
            reasoning: counts[5]),
          cost: Money(picodollars: row[9] as Int64? ?? 0), estimated: row[10] as Int? ?? 0,
          unpriced: row[11] as Int? ?? 0)
      )
    }
    return Dictionary(rows) { first, _ in first }
  }

  /// Calls of an attempt that are not settled.
  public func openCalls(of key: AttemptKey) throws(Failure) -> [CallID] {
    try session.rows(
      "SELECT id FROM call WHERE run = ? AND task = ? AND number = ? AND status IS NULL",
      [key.workflow.text, key.task, key.number]
    ) { CallID($0[0] as Int64? ?? 0) }
  }

  /// How many calls of an agent are under way, as far as is known.
  public func openCalls(of agent: String) throws(Failure) -> Int64 {
    try session.rows("SELECT count(*) FROM call WHERE agent = ? AND status IS NULL", [agent]) {
      $0[0] as Int64? ?? 0
    }.first ?? 0
  }

  /// The same of one attempt.
  public func openCalls(of agent: String, for key: AttemptKey) throws(Failure) -> Int64 {
    try session.rows(
      """
      SELECT count(*) FROM call INDEXED BY call_open WHERE agent = ? AND status IS NULL \
      AND run = ? AND task = ? AND number = ?
      """, [agent, key.workflow.text, key.task, key.number]
    ) { $0[0] as Int64? ?? 0 }.first ?? 0
  }

  /// How many calls to an agent are under way under a runner: of its own attempts, and of those that fall back on it.
  public func openCalls(to agent: String, under runner: String) throws(Failure) -> Int {
    try session.rows(
      """
      SELECT count(*) FROM call INDEXED BY call_open JOIN attempt USING(run, task, number) WHERE call.agent = ? \
      AND call.status IS NULL AND attempt.launcher = ? AND attempt.outcome IS NULL
      """, [agent, runner]
    ) { $0[0] as Int? ?? 0 }.first ?? 0
  }

  /// Whether a call under way, of any runner, holds a reservation at a limit since `boot`, in boot time.
  public func isReserved(_ place: LimitPlace, since boot: Int64, bootID: String) throws(Failure) -> Bool {
    try session.rows(
      """
      SELECT EXISTS(SELECT 1 FROM call INDEXED BY call_open WHERE status IS NULL AND boot_id = ? AND started_boot > ? \
      AND instr(charges, ?) > 0)
      """, [bootID, boot, RecordText.beginning(ofChargesAt: place)]
    ) { $0[0] as Bool? ?? false }.first ?? false
  }

  /// What the last `count` settled calls of an agent took, in tokens, the last first.
  public func recentTokens(of agent: String, model: String, last count: Int) throws(Failure) -> [Int64] {
    try session.rows(
      """
      SELECT input + cache_read + cache_write + cache_write_hour + output FROM call \
      WHERE agent = ? AND model = ? AND status = 'success' AND input IS NOT NULL ORDER BY id DESC LIMIT ?
      """, [agent, model, count]
    ) { $0[0] as Int64? ?? 0 }
  }

  public func budget(_ place: BudgetPlace) throws(Failure) -> BudgetRecord? {
    try session.rows(
      """
      SELECT cost_held, cost_spent, tokens_held, tokens_spent, calls, cost_cap, tokens_cap, calls_cap FROM budget \
      WHERE scope = ? AND key = ?
      """, [place.scope, place.key]
    ) { row in
      var budget = BudgetRecord(place: place)
      budget.costHeld = Money(picodollars: row[0] as Int64? ?? 0)
      budget.costSpent = Money(picodollars: row[1] as Int64? ?? 0)
      budget.tokensHeld = row[2] as Int64? ?? 0
      budget.tokensSpent = row[3] as Int64? ?? 0
      budget.calls = row[4] as Int64? ?? 0
      budget.raised = BudgetPlan(
        cost: (row[5] as Int64?).map { Money(picodollars: $0) }, tokens: row[6] as Int64?, calls: row[7] as Int64?)
      return budget
    }.first
  }

  /// A row in the order of the table's columns.
  private func decodeCall(_ row: Row) throws(Failure) -> CallRecord {
    let run = WorkflowID(unchecked: row.text(1))
    guard let charges = RecordText.charges(row.text(11)),
      let budgets = RecordText.budgets(row.text(12))
    else { throw session.malformed("call \(row.text(0))") }
    let model = row.text(5)
    let cost = (row[10] as Int64?).map { Money(picodollars: $0) }
    var call = CallRecord(
      id: CallID(row[0] as Int64? ?? 0),
      key: AttemptKey(workflow: run, task: row.text(2), number: row[3] as Int? ?? 0), agent: row.text(4),
      ceiling: CallCeiling(model: model, tokens: row[9] as Int64? ?? 0, cost: cost), line: row[23] as Int?,
      started: Moment(wall: row.instant(6), boot: row[7] as Int64? ?? 0), bootID: row.text(8), charges: charges,
      budgets: budgets)
    guard let word = row[13] as String? else { return call }
    guard let status = CallAccount.Status(rawValue: word) else {
      throw session.malformed("unknown status '\(word)' of call \(call.id.number)")
    }
    let usage = (row[15] as Int64?).map { input in
      TokenUsage(
        input: input, cacheRead: row[16] as Int64? ?? 0, cacheWrite: row[17] as Int64? ?? 0,
        cacheWriteHour: row[18] as Int64? ?? 0, output: row[19] as Int64? ?? 0, reasoning: row[20] as Int64? ?? 0)
    }
    call.account = CallAccount(
      model: row[22] as String? ?? model, status: status, usage: usage,
      cost: (row[21] as Int64?).map { Money(picodollars: $0) },
      duration: .microseconds(row[14] as Int64? ?? 0))
    return call
  }
}
