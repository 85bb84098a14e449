import AstroCore

extension Scheduler {
  /// A start that is not needed, because an equal attempt came to the same before: it is over without having run.
  mutating func cached(_ ending: AttemptEnding) {
    guard let task = reference(ending.key), case .beginning(_, let agent)? = phase(of: task), let run = runs[task.run]
    else { return }
    leaveBeginning(task, agent)
    run.tasks[task.index].counted += 1
    decisions.append(.close(ending, agent: agents.entries[agent].member.id))
    if !run.hasStarted {
      run.hasStarted = true
      decisions.append(.runStarted(task.run))
    }
    run.results[task.index] = TaskResult(
      exitCode: ending.outcome.exitCode, outputs: ending.outputs, stdout: ending.stdout)
    finish(task, ending.outcome.taskState, reason: nil, ending: ending)
  }

  /// An equal attempt is under way: what it comes to will do for this one too.
  mutating func follows(_ key: AttemptKey, _ wait: Duration) {
    guard let task = reference(key), case .beginning(_, let agent)? = phase(of: task), let run = runs[task.run]
    else { return }
    leaveBeginning(task, agent)
    run.tasks[task.index].attempts -= 1
    if run.stopping != nil { return resolve(task) }
    pause(task, for: wait, reason: "an equal request is under way")
  }

  /// What `key` waited for is over.
  mutating func preceded(_ key: AttemptKey) {
    guard let run = runs[key.workflow], let index = run.indices[key.task], case .waiting = run.tasks[index].phase,
      run.tasks[index].attempts == key.number - 1
    else { return }
    makeReady(TaskReference(run: key.workflow, index: index))
  }
}
