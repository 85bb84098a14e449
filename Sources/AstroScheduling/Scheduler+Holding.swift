import AstroCore

extension Scheduler {
  /// Starts nothing more of a run until it is released. What runs of it goes on to its end, what that makes ready waits; a
  /// run whose last task ends meanwhile ends. Its deadline goes on.
  mutating func hold(_ id: WorkflowID) {
    guard let run = runs[id], run.stopping == .none, !run.isHeld else { return }
    run.isHeld = true
    ready.removeAll { $0.run == id }
    for task in queued where task.run == id {
      guard case .queued(let start, let agent, .none)? = phase(of: task) else { continue }
      run.tasks[task.index].phase = .queued(start, agent: agent, ending: .hold)
      decisions.append(.withdraw(start.key))
    }
    for task in committed where task.run == id { takeBack(task) }
  }

  /// Lets a held run go on: everything that became ready meanwhile takes its place in the queue.
  mutating func release(_ id: WorkflowID) {
    guard let run = runs[id], run.isHeld else { return }
    run.isHeld = false
    for index in run.tasks.indices {
      if case .ready = run.tasks[index].phase { makeReady(TaskReference(run: id, index: index)) }
    }
  }

  /// What becomes of a start that is committed and that the launcher does not know of.
  mutating func keepOrTakeBack(_ task: TaskReference) {
    guard let run = runs[task.run] else { return }
    if !run.mayStart(task.index) { dropCommitted(task) } else if run.isHeld { takeBack(task) }
  }

  /// Makes a task whose start is committed ready again, as if the start had never been decided. Its slot of the agent is
  /// free for others, and its number is used again.
  private mutating func takeBack(_ task: TaskReference) {
    guard case .committed(let start, let agent)? = phase(of: task), let run = runs[task.run] else { return }
    committed.removeAll { $0 == task }
    agents.entries[agent].ahead -= 1
    run.tasks[task.index].attempts -= 1
    run.tasks[task.index].counted -= 1
    decisions.append(.forget(start.key))
    makeReady(task)
  }
}
