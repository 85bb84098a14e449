import AstroAgents
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroLimits
import AstroScheduling
import AstroSpool
import AstroTelemetry
import Logging

extension Runner {
  /// Commits a whole turn in one transaction: files taken from the spool, starts with their grants, ends, counters. What
  /// the scheduler makes of new runs and of grants is decided inside it, so that one fsync pays for all.
  ///
  /// Renames into `active/` happen inside the transaction too, under the gate, and are made durable before it commits: a
  /// crash leaves a file without a row, which the next recovery admits, and never a row without its content.
  func commit(_ batch: inout Batch, _ findings: [Intake.Finding], admits: Bool) throws(Failure) {
    var work = batch
    let flushed = settled
    do throws(Failure) {
      try journal.commit { transaction in
        var admitted = try refuse(findings, in: transaction, &work)
        if admits { admitted += try admitFiles(in: transaction, &work) }
        if !work.now.isEmpty || !work.refusals.isEmpty { try spool.syncDirectories() }
        if !admitted.isEmpty { work.decisions += scheduler.handle(admitted, at: clock.now()) }
        try record(&work, in: transaction)
        for run in flushed { try transaction.markSettled(run) }
        reports.count(journal.takeQueryStatistics(), into: &deltas)
        try transaction.add(series: deltas.values)
      }
    } catch {
      // The files go back where they came from; whoever runs next decides about them anew.
      for (run, admitted) in work.now { _ = try? spool.unclaim(run, admitted.format, to: admitted.name) }
      throw error
    }
    deltas.removeAll()
    settled.removeAll()
    for key in taken { AttemptFiles(key, runs: home.runs).forgetOutputs() }
    taken.removeAll()
    batch = work
  }

  /// Records every decision, and those that follow from the limits' answers.
  private func record(_ batch: inout Batch, in transaction: Transaction) throws(Failure) {
    while batch.recorded < batch.decisions.count {
      var answers: [Event] = []
      while batch.recorded < batch.decisions.count {
        if let answer = try record(batch.decisions[batch.recorded], in: transaction, &batch) { answers.append(answer) }
        batch.recorded += 1
      }
      if !answers.isEmpty { batch.decisions += scheduler.handle(answers, at: clock.now()) }
    }
  }

  private func record(
    _ decision: Decision, in transaction: Transaction, _ batch: inout Batch
  ) throws(Failure) -> Event? {
    switch decision {
    case .begin(let start): return try begin(start, in: transaction, &batch)
    case .launch(let start):
      try transaction.put(
        TaskRecord(
          run: start.key.workflow, task: start.key.task, state: .running, attempts: start.key.number,
          startedAt: clock.now().wall))
    case .signal, .probe: break
    case .close(let ending, let agentID):
      guard try transaction.endAttempt(ending, agent: agentID) else { return nil }
      count(ending, agent: agentID)
      if let record = scheduler.agentRecord(agentID) {
        try transaction.put(agent: AgentRecord(id: agentID, record, at: clock.now().wall))
      }
    case .update(let change):
      try transaction.put(TaskRecord(change))
    case .runStarted(let run):
      let now = clock.now().wall
      owned[run]?.startedAt = now
      try transaction.update(run, state: .running, startedAt: now)
    case .runEnded(let run, let state, let reason):
      try transaction.update(run, state: state, finishedAt: clock.now().wall, reason: reason)
      count(run, state)
      unsettled.append(run)
    }
    return nil
  }

  private func begin(_ start: AttemptStart, in transaction: Transaction, _ batch: inout Batch) throws(Failure) -> Event
  {
    let verdict = try limits.consume("task_submission", key: start.user, in: transaction)
    deltas.increment(verdict.allowed ? .limitGranted : .limitDenied, ["task_submission"])
    guard verdict.allowed else {
      batch.verdicts[start.key] = verdict
      result.throttled = true
      return .denied(start.key, verdict)
    }
    if start.key.number > 1 { deltas.increment(.retries, [start.agent]) }
    let now = clock.now()
    let isNew = try transaction.beginAttempt(
      AttemptRecord(key: start.key, agent: start.agent, launcher: id, started: now, bootID: journal.bootID))
    // Begun by a runner that died before it could start it: the same attempt is ours now.
    if !isNew { try transaction.setLauncher(of: start.key, to: id) }
    return .granted(start.key)
  }

  private func count(_ ending: AttemptEnding, agent: String) {
    switch ending.outcome {
    case .cancelled: return
    case .notStarted(_, infrastructure: true): deltas.increment(.errors, ["agent"])
    case .lost: deltas.increment(.errors, ["lost"])
    case .exited, .signalled, .timedOut, .notStarted, .invalidOutput: break
    }
    deltas.increment(.tasks, [agent, ending.outcome.isSuccess ? "success" : "failure"])
    deltas.observe(.taskDuration, [agent], ending.duration.seconds)
  }

  private func count(_ run: WorkflowID, _ state: RunState) {
    let status: String
    switch state {
    case .succeeded, .partial, .duplicate: status = "completed"
    case .cancelled: status = "cancelled"
    case .failed, .rejected, .queued, .running, .held: status = "failed"
    }
    deltas.increment(.workflows, [status])
    if let claimed = owned[run]?.claimedAt {
      deltas.observe(.workflowDuration, [], max(0, (clock.now().wall - claimed).seconds))
    }
  }
}
