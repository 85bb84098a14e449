import AstroCore

extension Scheduler {
  /// An attempt is over: its slot is free, and its task is done or tried again.
  mutating func ended(_ seen: AttemptEnding) {
    // An end told twice, as after a crash between taking it and forgetting it, finds its task elsewhere.
    guard let task = reference(seen.key), let (agent, cause) = release(task), let run = runs[task.run] else { return }
    var ending = seen
    switch cause {
    case nil: break
    case .timeout: ending.outcome = .timedOut(seen.outcome.status)
    case .cancel, .deadline, .unreadable, .poison: ending.outcome = .cancelled(seen.outcome.status)
    }
    let name = agents.entries[agent].member.id
    if agents.count(ending, at: agent) { scheduleProbe(name) }
    if !agents.entries[agent].member.isPerformer {
      pace += (Double(ending.duration.microseconds) - pace) / 8
      lastEnd = now.boot
    }
    freeSlots(of: task, with: agent)
    decisions.append(.close(ending, agent: name))
    let counted = Int(run.tasks[task.index].counted)
    if run.firstStart[task.index] == nil { run.firstStart[task.index] = ending.startedAt }
    if case .notStarted(let reason, infrastructure: true) = ending.outcome, run.stopping == nil {
      // The machine was at fault: the task keeps all its attempts and waits a little.
      runs[task.run]?.tasks[task.index].counted -= 1
      return pause(task, for: .seconds(1), reason: reason)
    }
    let policy = run.plan.tasks[task.index].retry
    if run.stopping == nil, policy.retries(ending.outcome, after: counted) {
      let wait = policy.backoff(after: counted, draw: draw())
      return pause(task, for: wait, reason: "retry after: \(ending.outcome.message ?? "")")
    }
    runs[task.run]?.results[task.index] = TaskResult(
      exitCode: ending.outcome.exitCode, outputs: ending.outputs, stdout: ending.stdout)
    let isStopped = [.deadline, .unreadable, .poison].contains(cause)
    finish(
      task, ending.outcome.taskState, reason: isStopped ? run.stopReason : ending.outcome.message, ending: ending)
  }

  /// Gives up the place of an attempt that is over: its slot, or its turn for one when it could not be handed over.
  private mutating func release(_ task: TaskReference) -> (agent: Int, EndingCause?)? {
    switch phase(of: task) {
    case .running(let agent, let cause):
      leaveSlot(agent)
      return (agent, cause)
    case .queued(_, let agent, _):
      leaveQueue(task, agent)
      let mayStart = runs[task.run]?.mayStart(task.index) ?? true
      return (agent, mayStart ? nil : runs[task.run]?.stopping)
    case .pending, .unasked, .asking, .following, .ready, .waiting, .beginning, .committed, .over, nil: return nil
    }
  }

  /// Frees the slot of an attempt that runs no more.
  mutating func leaveSlot(_ agent: Int) {
    if agents.entries[agent].member.isPerformer { performing -= 1 } else { running -= 1 }
    agents.entries[agent].running -= 1
  }

  /// - Parameter place: where a limit opens that binds the task alone.
  mutating func pause(_ task: TaskReference, for wait: Duration, reason: String, at place: LimitPlace? = nil) {
    let until = now.boot + wait.microseconds
    runs[task.run]?.tasks[task.index].phase = .waiting(until: until, for: place)
    if let place { alone[place, default: []].insert(task) }
    timers.add(.retry(task, until: until), at: until)
    record(task, .waiting, reason: reason, notBefore: now.wall + wait, ending: nil)
  }

  /// Brings a task to its end, and with it everything that follows from that.
  mutating func finish(_ task: TaskReference, _ state: TaskState, reason: String?, ending: AttemptEnding? = nil) {
    // An explicit stack: a failure at the head of a chain of 100,000 must not recurse 100,000 deep.
    settle(task, state, reason: reason, ending: ending)
    guard unwinding == nil else {
      unwinding?.append(task)
      return
    }
    unwinding = [task]
    while let done = unwinding?.popLast() {
      guard let run = runs[done.run] else { continue }
      for dependent in run.dependents(of: done.index) {
        runs[done.run]?.tasks[Int(dependent)].missingNeeds -= 1
        if runs[done.run]?.tasks[Int(dependent)].missingNeeds == 0, case .pending = run.tasks[Int(dependent)].phase {
          resolve(TaskReference(run: done.run, index: Int(dependent)))
        }
      }
    }
    unwinding = nil
    finishIfOver(task.run)
  }

  private mutating func settle(_ task: TaskReference, _ state: TaskState, reason: String?, ending: AttemptEnding?) {
    runs[task.run]?.tasks[task.index].phase = .over(state)
    runs[task.run]?.tickets[task.index] = nil
    runs[task.run]?.remaining -= 1
    record(task, state, reason: reason, notBefore: nil, ending: ending)
  }

  mutating func record(
    _ task: TaskReference, _ state: TaskState, reason: String?, notBefore: Timestamp?, ending: AttemptEnding?
  ) {
    guard let run = runs[task.run] else { return }
    let started = run.firstStart[task.index] ?? ending?.startedAt
    decisions.append(
      .update(
        TaskChange(
          workflow: task.run, task: run.plan.tasks[task.index].id, state: state,
          attempts: Int(run.tasks[task.index].attempts), notBefore: notBefore, reason: reason,
          exitCode: ending?.outcome.exitCode, outputs: ending?.outputs ?? [:], stdout: ending?.stdout,
          startedAt: started, finishedAt: state.isTerminal ? ending?.finishedAt ?? now.wall : nil)))
  }

  mutating func finishIfOver(_ id: WorkflowID) {
    guard unwinding == nil, let run = runs[id], run.remaining == 0 else { return }
    let (state, reason) = run.finalState
    runs[id] = nil
    decisions.append(.runEnded(id, state, reason: reason))
  }

  // MARK: Ending what runs

  /// Asks one running attempt to end: TERM now, KILL after its grace.
  mutating func end(_ task: TaskReference, because cause: EndingCause) {
    guard let run = runs[task.run], case .running(let agent, nil) = run.tasks[task.index].phase else { return }
    let runtime = run.tasks[task.index]
    runs[task.run]?.tasks[task.index].phase = .running(agent: agent, ending: cause)
    decisions.append(.end(run.key(task.index, attempt: runtime.attempts), because: cause))
    timers.add(
      .kill(task, launch: runtime.launches), at: now.boot + run.plan.tasks[task.index].grace.microseconds)
  }

  /// Stops a whole run: what runs is ended, what has not begun never will; tasks with `always()` or `cancelled()` in
  /// their `if` still get their turn after a cancel, which ends a hold for them.
  mutating func stop(_ id: WorkflowID, because cause: EndingCause) {
    guard let run = runs[id] else { return }
    switch (run.stopping, cause) {
    case (nil, _): run.stopping = cause
    case (.cancel, .deadline) where !run.isOverdue: run.isOverdue = true
    default: return
    }
    run.isHeld = false
    leaveLine(id)
    // What was held back is looked up before anything is decided: a task that becomes ready on the way is not met twice.
    let held = run.tasks.indices.filter {
      switch run.tasks[$0].phase {
      case .unasked, .following, .ready, .waiting: true
      // Its files may take long to read, and nothing can come of the answer.
      case .asking: !run.mayStart($0)
      case .pending, .beginning, .committed, .queued, .running, .over: false
      }
    }
    for index in run.tasks.indices where !run.mayStart(index) {
      let task = TaskReference(run: id, index: index)
      switch run.tasks[index].phase {
      case .committed: takeBack(task)
      case .queued: withdraw(task)
      case .running: end(task, because: cause)
      case .pending, .unasked, .asking, .following, .ready, .waiting, .beginning, .over: break
      }
    }
    for index in held {
      let task = TaskReference(run: id, index: index)
      leaveWaiting(task)
      leaveAsking(task)
      resolve(task)
    }
  }

  // MARK: Unhealthy agents

  /// The next probe, 5 s after the failure and then ever later, up to 300 s.
  private mutating func scheduleProbe(_ agent: String) {
    let pause = probePauses[agent] ?? .seconds(5)
    if let index = agents.index(of: agent) { agents.entries[index].record.probeAt = now.wall + pause }
    probePauses[agent] = min(pause * 2, .seconds(300))
    timers.add(.probe(agent: agent), at: now.boot + pause.microseconds)
  }

  mutating func probed(_ agent: String, _ error: String?) {
    guard let index = agents.index(of: agent) else { return }
    defer { decisions.append(.agentChanged(agent)) }
    guard let error else {
      agents.entries[index].record.infrastructureFailures = 0
      agents.entries[index].record.lastError = nil
      agents.entries[index].record.probeAt = nil
      probePauses[agent] = nil
      return
    }
    // It said so itself: there is no need to see it fail, and no task has to.
    agents.entries[index].record.infrastructureFailures = max(
      agents.entries[index].record.infrastructureFailures, AgentPool.Record.illAfter)
    agents.entries[index].record.lastError = error
    scheduleProbe(agent)
  }
}
