import AstroCore
import AstroJournal
import AstroScheduling

/// What a runner tells of its runs.
extension EventStream {
  func accepted(_ run: WorkflowID, tasks: Int, at time: Timestamp) {
    add("workflow_accepted", run, at: time) { $0.member("tasks", tasks) }
  }

  func started(_ run: WorkflowID, at time: Timestamp) { add("workflow_started", run, at: time) }

  func retried(_ run: WorkflowID, tasks: Int, kept: Int, at time: Timestamp) {
    add("workflow_retried", run, at: time) {
      $0.member("tasks", tasks)
      $0.member("kept", kept)
    }
  }

  func ended(_ run: WorkflowID, _ state: RunState, _ reason: String?, at time: Timestamp) {
    add("workflow_ended", run, at: time) {
      $0.member("status", state.rawValue)
      $0.member("reason", ifPresent: reason)
    }
    told[run] = nil
  }

  func throttled(_ key: AttemptKey, by verdict: LimitVerdict, at time: Timestamp) {
    add("task_throttled", key.workflow, at: time) {
      $0.member("task_id", key.task)
      $0.member("limiter", verdict.limiter)
      $0.member("retry_after", verdict.retryAfter.seconds)
    }
  }

  /// Once for each attempt: its start may have been asked for, and told, by a runner that died before its warden heard of it.
  func taskStarted(_ key: AttemptKey, by agent: String, at time: Timestamp) {
    guard told[key.workflow]?.tellsStart(of: key) != true else { return }
    told[key.workflow]?.noteStart(of: key, by: agent, at: time)
    add("task_started", key.workflow, at: time) {
      $0.member("task_id", key.task)
      $0.member("attempt", key.number)
      $0.member("agent_id", agent)
    }
  }

  func taskEnded(
    _ key: AttemptKey, by agent: String, _ outcome: AttemptOutcome, from start: Timestamp, to end: Timestamp,
    lasting duration: Duration
  ) {
    // Its start may have been left untold by a runner that died.
    if outcome.hasStarted, told[key.workflow] != nil { taskStarted(key, by: agent, at: start) }
    add("task_ended", key.workflow, at: end) {
      $0.member("task_id", key.task)
      $0.member("attempt", key.number)
      $0.member("agent_id", agent)
      $0.member("status", outcome.taskState.rawValue)
      $0.member("exit_code", ifPresent: outcome.exitCode)
      $0.member("duration_ms", duration.milliseconds)
    }
  }

  func taskWaiting(_ change: TaskChange, at time: Timestamp) {
    add("task_waiting", change.workflow, at: time) {
      $0.member("task_id", change.task)
      $0.member("reason", ifPresent: change.reason)
      $0.member("not_before", ifPresent: change.notBefore?.rfc3339)
    }
  }

  /// Of a task that is decided without an attempt.
  func taskDecided(_ task: String, _ run: WorkflowID, _ state: TaskState, _ reason: String?, at time: Timestamp) {
    add("task_\(state.rawValue)", run, at: time) {
      $0.member("task_id", task)
      $0.member("reason", ifPresent: reason)
    }
  }

  /// Adds what the journal has of a run and its file lacks: its teller died between a commit and the write. Until the run
  /// ends, no start is told twice.
  func complete(_ run: RunRecord, _ tasks: [TaskRecord], _ attempts: [AttemptRecord]) {
    let bytes: [UInt8]?
    // What cannot be read now may have told all of it.
    do throws(Failure) { bytes = try FileTail.read(RunDirectory(run.id, in: runs).events) } catch { return }
    var known = bytes.map { ToldEvents(parsing: $0, of: run.id) } ?? ToldEvents()
    if known.isEmpty { accepted(run.id, tasks: run.taskCount, at: run.claimedAt) }
    if let time = run.retriedAt, !known.tellsRetry(at: time) {
      let kept = tasks.count { $0.state.isTerminal && ($0.finishedAt ?? time) <= time }
      retried(run.id, tasks: run.taskCount - kept, kept: kept, at: time)
      known.noteRetry(at: time)
    }
    told[run.id] = known
    if let time = run.startedAt, known.startedAt == nil { started(run.id, at: time) }
    var missing: [(time: Timestamp, tell: () -> Void)] = []
    for attempt in attempts {
      // The start of one without an end may still be taken back.
      guard let ending = attempt.ending, !known.tellsEnd(of: attempt.key) else { continue }
      let tell = {
        self.taskEnded(
          attempt.key, by: attempt.agent, ending.outcome, from: attempt.started.wall, to: ending.finishedAt,
          lasting: ending.duration)
      }
      missing.append((ending.finishedAt, tell))
    }
    for task in tasks where [.skipped, .upstreamFailed, .cancelled].contains(task.state) {
      // One that a retry leaves as it was is not told again.
      guard known.tasks[task.task]?.wasOver != true else { continue }
      let time = task.finishedAt ?? run.finishedAt ?? run.livesSince
      missing.append((time, { self.taskDecided(task.task, run.id, task.state, task.reason, at: time) }))
    }
    for event in missing.sorted(by: { $0.time < $1.time }) { event.tell() }
    guard run.state.isTerminal, let time = run.finishedAt else { return }
    if known.ended != nil {
      told[run.id] = nil
    } else {
      ended(run.id, run.state, run.reason, at: time)
    }
  }
}
