import AstroCore

extension Scheduler {
  /// Starts nothing more of a run until it is released. What runs of it goes on to its end, what that makes ready waits; a
  /// run whose last task ends meanwhile ends. Its deadline goes on.
  mutating func hold(_ id: WorkflowID) {
    guard let run = runs[id], run.stopping == nil, !run.isHeld else { return }
    run.isHeld = true
    leaveLine(id)
    for task in queued where task.run == id { withdraw(task) }
    for task in committed where task.run == id { takeBack(task) }
  }

  /// Lets a held run go on: everything that became ready meanwhile takes its place in the queue.
  mutating func release(_ id: WorkflowID) {
    guard let run = runs[id], run.isHeld else { return }
    run.isHeld = false
    for index in run.tasks.indices {
      if run.tasks[index].phase.isInLine { makeReady(TaskReference(run: id, index: index)) }
    }
  }

  /// Nothing of a run is looked up, nor begins.
  mutating func leaveLine(_ id: WorkflowID) {
    unasked.remove(id)
    ready.removeAll { $1.run == id }
  }

  // MARK: Taking back what has not begun

  /// Starts nothing more, and takes back what has not begun: a start left in the journal would be taken for one whose end
  /// is unknown, should the machine go down before the next runner.
  mutating func stopStarting() {
    isStopping = true
    for task in queued { withdraw(task) }
    for task in committed { takeBack(task) }
  }

  /// Whether a start that is committed is still wanted.
  func stands(_ task: TaskReference) -> Bool {
    guard case .committed(_, let agent)? = phase(of: task), let run = runs[task.run] else { return false }
    return !isStopping && !run.isHeld && run.mayStart(task.index) && !agents.entries[agent].isRetired
  }

  /// Asks the launcher for a queued attempt back.
  mutating func withdraw(_ task: TaskReference) {
    guard case .queued(let start, let agent, isWithdrawn: false)? = phase(of: task) else { return }
    runs[task.run]?.tasks[task.index].phase = .queued(start, agent: agent, isWithdrawn: true)
    decisions.append(.withdraw(start.key))
  }

  /// An attempt was taken back: it is as if it had only been granted.
  mutating func withdrawn(_ key: AttemptKey) {
    guard let task = reference(key), case .queued(let start, let agent, _)? = phase(of: task) else { return }
    leaveQueue(task, agent)
    agents.entries[agent].ahead += 1
    runs[task.run]?.tasks[task.index].phase = .committed(start, agent: agent)
    committed.insert(task, at: 0)
    if !stands(task) { takeBack(task) }
  }

  /// An attempt counted as running, of another launcher, has begun: its time counts from then.
  mutating func seenRunning(_ key: AttemptKey, _ since: Int64) {
    guard let task = reference(key), case .running(let agent, nil)? = phase(of: task),
      let plan = runs[task.run]?.plan.tasks[task.index], let timeout = timeout(of: plan, with: agent)
    else { return }
    timers.add(.timeout(task, launch: launches(of: task) ?? 0), at: since + timeout.microseconds)
  }

  /// An attempt counted as running, of another launcher, turns out not to have begun.
  mutating func neverBegan(_ key: AttemptKey) {
    guard let task = reference(key), case .running(let agent, _)? = phase(of: task), let run = runs[task.run] else {
      return
    }
    leaveSlot(agent)
    run.firstStart[task.index] = nil
    forget(task, key, hasBegun: false)
  }

  /// Takes back a start that is committed and that the launcher does not know of: its slot of the agent is free for others.
  mutating func takeBack(_ task: TaskReference) {
    guard case .committed(let start, let agent)? = phase(of: task) else { return }
    committed.removeAll { $0 == task }
    agents.entries[agent].ahead -= 1
    forget(task, start.key, hasBegun: false)
  }

  /// Makes it as if a start had never been decided: its task is ready again, or over where its run is being stopped; its
  /// number is used again.
  mutating func forget(_ task: TaskReference, _ key: AttemptKey, hasBegun: Bool) {
    guard let run = runs[task.run] else { return }
    run.tasks[task.index].attempts -= 1
    run.tasks[task.index].counted -= 1
    decisions.append(.forget(key, hasBegun: hasBegun))
    if run.mayStart(task.index) { makeReady(task) } else { resolve(task) }
  }
}
