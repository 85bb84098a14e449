import AstroCore
import AstroJournal
import AstroScheduling
import AstroSpool
import AstroTelemetry
import Logging

extension Runner {
  /// Commits a whole turn in one transaction: files taken from the spool, starts with their grants, ends, counters. What
  /// the scheduler makes of new runs and of grants is decided inside it, so that one fsync pays for all.
  ///
  /// Renames into `active/` happen inside the transaction too, under the gate, and are made durable before it commits: a
  /// crash leaves a file without a row, which the next recovery admits, and never a row without its content. So does a
  /// commit that fails: whether it reached the disk nobody knows, and the files stay where either is mended.
  func commit(_ findings: [Intake.Finding]) throws(Failure) {
    let flushed = marks.durable
    try journal.commit { transaction in
      var admitted = try orphans.compactMap { try take($0, in: transaction) }
      admitted += try findings.compactMap { try take($0, in: transaction) }
      if !batch.admitted.isEmpty || !batch.refusals.isEmpty { try spool.syncDirectories() }
      if !admitted.isEmpty { decide(admitted) }
      // Before anything is taken: what they give back may be what others wait for.
      let opened = try settleCalls(in: transaction)
      if !opened.isEmpty { decide([.opened(opened)]) }
      try record(in: transaction)
      for run in flushed { try transaction.markSettled(run.id, by: id, finishedAt: run.finishedAt) }
      reports.countQueries(of: journal, into: &deltas, at: transaction.now)
      try transaction.add(series: deltas.values)
    }
    batch.sendReplies()
    orphans.removeAll()
    deltas.removeAll()
    marks.forgetDurable()
  }

  private func decide(_ events: [Event]) {
    let now = clock.now()
    batch.add(scheduler.handle(events, at: now), at: now.boot)
  }

  /// Records every decision, and those that follow from the limits' answers. Of a task or an agent that changed several
  /// times only the last state is written.
  private func record(in transaction: Transaction) throws(Failure) {
    var changes = Changes()
    while batch.recorded < batch.decisions.count {
      var answers: [Event] = []
      while batch.recorded < batch.decisions.count {
        if let answer = try record(batch.decisions[batch.recorded], in: transaction, &changes) {
          answers.append(answer)
        }
        batch.recorded += 1
      }
      if !answers.isEmpty { decide(answers) }
    }
    for task in changes.tasks.values { try transaction.put(task) }
    for agent in changes.agents {
      guard let record = scheduler.agentRecord(agent) else { continue }
      try transaction.put(agent: AgentRecord(id: agent, record))
    }
  }

  /// Rows to be written at the end of a transaction.
  private struct Changes {
    struct TaskKey: Hashable {
      var run: WorkflowID
      var task: String
    }
    private(set) var tasks: [TaskKey: TaskRecord] = [:]
    var agents: Set<String> = []

    mutating func put(_ record: TaskRecord) { tasks[TaskKey(run: record.run, task: record.task)] = record }
  }

  private func record(
    _ decision: Decision, in transaction: Transaction, _ changes: inout Changes
  ) throws(Failure) -> Event? {
    switch decision {
    case .begin(let start): return try begin(start, in: transaction)
    case .admit(let ask): return .answered(ask, try answer(ask, in: transaction))
    case .turnAway(let ask, let place, let until): turnAway(ask, place, until: until, at: transaction.now)
    case .started(let start):
      changes.put(
        TaskRecord(
          run: start.key.workflow, task: start.key.task, state: .running, attempts: start.key.number,
          startedAt: clock.now().wall))
    case .reassign(let start):
      try transaction.setAgent(of: start.key, to: start.agent)
      try leadAnew(start, in: transaction)
    case .forget(let key, let hasBegun):
      promises[key] = nil
      try forgetCalls(of: key, hasBegun: hasBegun, in: transaction)
      try endLeading(key, nil, in: transaction)
      guard let attempt = try transaction.withdrawAttempt(key), let user = owned[key.workflow]?.user else { return nil }
      try allowances.rates.refund(LimiterName.taskSubmission, key: user, for: attempt, in: transaction)
      if !hasBegun {
        try allowances.refund(
          attempt.charges, grantedAt: attempt.started.boot, bootID: attempt.bootID, in: transaction)
      }
    case .end(let key, let cause): try transaction.setEndingCause(of: key, cause.rawValue)
    case .agentChanged(let agent): changes.agents.insert(agent)
    case .lookUp, .launch, .enqueue, .release, .withdraw, .kill, .probe: break
    case .close(let ending, let agentID):
      if ending.isCached {
        followers.forget(ending.key)
        try beginCached(ending, agentID, in: transaction)
      }
      guard try transaction.endAttempt(ending, agent: agentID) else { return nil }
      owned[ending.key.workflow]?.nextCalls[ending.key] = nil
      if isPaid(agentID) {
        let hasBegun = if case .notStarted = ending.outcome { false } else { true }
        try forgetCalls(of: ending.key, hasBegun: hasBegun, account: ending.account, in: transaction)
      }
      try endLeading(ending.key, ending, in: transaction)
      deltas.count(ending, agent: agentID)
      changes.agents.insert(agentID)
    case .update(let change):
      changes.put(TaskRecord(change))
    case .runStarted(let run):
      let now = clock.now().wall
      owned[run]?.startedAt = now
      try transaction.update(run, state: .running, startedAt: now)
    case .runHeld(let run, let reason):
      heldByBudget.insert(run)
      _ = try transaction.requestHold(run, because: reason)
      changed.insert(run)
    case .runEnded(let run, let state, let reason):
      try transaction.update(run, state: state, finishedAt: clock.now().wall, reason: reason)
      count(run, state)
      followers.forget(run)
      forgetLookups { $0.workflow == run }
      unsettled.append(run)
    }
    return nil
  }

  private func begin(_ start: AttemptStart, in transaction: Transaction) throws(Failure) -> Event {
    if let event = try askCache(start, in: transaction) { return event }
    let rates = allowances.rates
    var verdict = try rates.check(LimiterName.taskSubmission, key: start.user, in: transaction)
    guard verdict.allowed else { return deny(start, verdict) }
    let demand = demand(of: start)
    let charges: [LimitCharge]
    switch try allowances.take(demand, in: transaction) {
    case .refused(let refusal): return deny(start, refusal)
    case .never(let reason): return .refused(start.key, reason)
    case .overBudget(let reason): return .overBudget(start.key, reason)
    case .spent: preconditionFailure("a start waits for a key as for a limit")
    case .granted(let call, let taken):
      charges = taken
      if demand.isPerformed {
        let leave = call.flatMap { id in demand.call.map { (id, $0) } }
        performing[start.key] = PerformedAttempt(start: start, granted: leave)
      }
      for limit in Set(demand.limits) { deltas.increment(.limitGranted, [limit]) }
    }
    verdict = try rates.consume(LimiterName.taskSubmission, key: start.user, in: transaction)
    deltas.increment(.limitGranted, [LimiterName.taskSubmission])
    // The moment of the grant: should the start be taken back, it is given back by it.
    try transaction.beginAttempt(
      AttemptRecord(
        key: start.key, agent: start.agent, launcher: id, started: transaction.now, bootID: journal.bootID,
        charges: charges))
    followers.forget(start.key)
    try lead(start, in: transaction)
    return .granted(start.key)
  }

  private func deny(_ start: AttemptStart, _ verdict: LimitVerdict) -> Event {
    deltas.increment(.limitDenied, [verdict.limiter])
    batch.verdicts[start.key] = verdict
    return .denied(start.key, verdict)
  }

  func count(_ run: WorkflowID, _ state: RunState) {
    deltas.count(state, after: owned[run].map { max(.zero, clock.now().wall - $0.since) })
  }
}
