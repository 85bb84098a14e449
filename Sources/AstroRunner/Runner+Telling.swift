import AstroCore
import AstroScheduling
import AstroTelemetry
import Logging

extension Runner {
  /// Tells people and programs what a committed turn did: log lines, events, progress.
  func tell(_ batch: Batch) throws(Failure) {
    for (run, admission) in batch.admitted { tellAccepted(run, admission) }
    for refused in batch.refusals { tellRefused(refused) }
    for decision in batch.decisions { tell(decision, batch) }
    writeEvents()
  }

  func writeEvents() {
    if let problem = events.flush() {
      log.error("Events cannot be written", metadata: ["error": .string(problem)])
      deltas.increment(.errors, ["events"])
    }
  }

  /// What was submitted is known to be a workflow only now; the line says when it was.
  func tellSubmitted(_ run: WorkflowID, _ user: String, _ file: String, at time: Timestamp) {
    log.info(
      "Workflow submitted",
      metadata: [
        "workflow_id": .string(run.text), "user_id": .string(user), "file": .string(file),
        "submitted_at": .string(time.rfc3339),
      ])
  }

  private func tellAccepted(_ run: WorkflowID, _ admission: Admission) {
    tellSubmitted(run, admission.user, admission.shownFile, at: admission.submittedAt)
    let tasks = admission.plan?.tasks.count ?? 0
    log.info(
      "Workflow accepted",
      metadata: [
        "workflow_id": .string(run.text), "user_id": .string(admission.user), "file": .string(admission.shownFile),
        "tasks": .stringConvertible(tasks), "sha256": .string(admission.sha256),
      ])
    events.accepted(run, tasks: tasks, at: clock.now().wall)
    observer?.runner(.accepted(run, name: admission.name, tasks: tasks))
  }

  private func tellRefused(_ refused: Refused) {
    tellSubmitted(refused.run, refused.user, refused.shownFile, at: refused.submittedAt)
    log.error(
      "Workflow rejected",
      metadata: [
        "workflow_id": .string(refused.run.text), "user_id": .string(refused.user),
        "file": .string(refused.shownFile), "error": .string(refused.reason),
      ])
  }

  private func tell(_ decision: Decision, _ batch: Batch) {
    switch decision {
    case .begin(let start): if let verdict = batch.verdicts[start.key] { tellThrottled(start, verdict) }
    case .started(let start): tellStarted(start)
    case .lookUp, .admit, .turnAway, .launch, .reassign, .enqueue, .release, .withdraw: break
    case .close(let ending, let agent): tellClosed(ending, agent)
    case .update(let change): tellUpdate(change)
    case .runStarted(let run):
      changed.insert(run)
      events.started(run, at: clock.now().wall)
    case .runHeld(let run, let reason):
      log.warning("Workflow held", metadata: ["workflow_id": .string(run.text), "reason": .string(reason)])
    case .runEnded(let run, let state, let reason): tellEnded(run, state, reason)
    case .end(let key, let cause):
      log.warning(
        "Task terminated", metadata: fields(of: key, ["signal": "TERM", "reason": .string(cause.rawValue)]))
    case .kill(let key): log.warning("Task terminated", metadata: fields(of: key, ["signal": "KILL"]))
    case .probe(let agent): log.debug("Agent probed", metadata: ["agent_id": .string(agent)])
    case .forget, .agentChanged: break
    }
  }

  private func fields(of key: AttemptKey, _ more: Logger.Metadata = [:]) -> Logger.Metadata {
    var fields = more
    fields["workflow_id"] = .string(key.workflow.text)
    if let user = owned[key.workflow]?.user { fields["user_id"] = .string(user) }
    fields["task_id"] = .string(key.task)
    fields["attempt"] = .stringConvertible(key.number)
    return fields
  }

  private func tellThrottled(_ start: AttemptStart, _ verdict: LimitVerdict) {
    // That all places are taken is how a limit on them is used, and nothing to be warned of.
    let isFull = LimitPlace(limiter: verdict.limiter, key: verdict.key).isOfSlots
    log.log(
      level: isFull ? .debug : .warning, "Rate limit exceeded",
      metadata: fields(
        of: start.key,
        ["limiter": .string(verdict.limiter), "retry_after": .stringConvertible(verdict.retryAfter.seconds)]))
    events.throttled(start.key, by: verdict, at: clock.now().wall)
    observer?.runner(.throttled(start.key.workflow, verdict))
  }

  private func tellStarted(_ start: AttemptStart) {
    log.info("Task execution started", metadata: fields(of: start.key, ["agent_id": .string(start.agent)]))
    events.taskStarted(start.key, by: start.agent, at: clock.now().wall)
    observer?.runner(.taskStarted(start.key))
  }

  private func tellClosed(_ ending: AttemptEnding, _ agent: String) {
    var metadata = fields(of: ending.key, ["agent_id": .string(agent)])
    metadata["duration_ms"] = .stringConvertible(ending.duration.milliseconds)
    metadata["success"] = .stringConvertible(ending.outcome.isSuccess)
    metadata["status"] = .string(ending.outcome.taskState.rawValue)
    for (stream, bytes) in [("stdout", ending.omitted.stdout), ("stderr", ending.omitted.stderr)] where bytes > 0 {
      metadata["\(stream)_omitted_bytes"] = .stringConvertible(bytes)
    }
    if let message = ending.outcome.message {
      metadata["error"] = .string(message)
      log.error("Task execution failed", metadata: metadata)
    } else {
      log.info("Task execution completed", metadata: metadata)
    }
    events.taskEnded(
      ending.key, by: agent, ending.outcome, from: ending.startedAt, to: ending.finishedAt, lasting: ending.duration)
  }

  private func tellUpdate(_ change: TaskChange) {
    switch change.state {
    case .waiting:
      events.taskWaiting(change, at: clock.now().wall)
      observer?.runner(.taskWaiting(change))
    case .skipped, .upstreamFailed, .cancelled:
      events.taskDecided(change.task, change.workflow, change.state, change.reason, at: clock.now().wall)
      observer?.runner(.taskEnded(change))
    case .pending, .running: break
    case .succeeded, .failed, .timedOut, .lost: observer?.runner(.taskEnded(change))
    }
  }

  private func tellEnded(_ run: WorkflowID, _ state: RunState, _ reason: String?) {
    let now = clock.now().wall
    var metadata: Logger.Metadata = ["workflow_id": .string(run.text), "status": .string(state.rawValue)]
    if let user = owned[run]?.user { metadata["user_id"] = .string(user) }
    if let since = owned[run]?.since {
      metadata["duration_ms"] = .stringConvertible((now - since).milliseconds)
    }
    if let reason { metadata["error"] = .string(reason) }
    log.log(level: state == .failed ? .error : .info, "Workflow completed", metadata: metadata)
    events.ended(run, state, reason, at: now)
    observer?.runner(.ended(run, state, reason: reason))
  }
}
