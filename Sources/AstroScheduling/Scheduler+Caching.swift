import AstroCore

extension Scheduler {
  /// Has ready tasks looked up that may be spared, before any limit, slot or agent's health is: a hit takes none of them.
  mutating func lookUp() {
    guard !isStopping else { return }
    while asking < policy.lookups, let task = unasked.popFirst() {
      guard let run = runs[task.run] else { continue }
      let attempt = run.tasks[task.index].attempts + 1
      do throws(EvaluationError) {
        let start = try run.start(task.index, attempt: attempt, agent: "")
        let request = run.plan.tasks[task.index].agent
        run.tasks[task.index].attempts = attempt
        run.tasks[task.index].phase = .asking
        asking += 1
        decisions.append(.lookUp(start, agents: agents.members.filter { $0.suits(request) }.map(\.id)))
      } catch {
        finish(task, .failed, reason: error.message)
      }
    }
  }

  /// A start that is not needed, because an equal attempt came to the same before: it is over without having run.
  mutating func cached(_ ending: AttemptEnding, _ agent: String) {
    guard let (task, run) = answered(ending.key) else { return }
    run.tasks[task.index].attempts += 1
    run.tasks[task.index].counted += 1
    if !run.hasStarted {
      run.hasStarted = true
      decisions.append(.runStarted(task.run))
    }
    decisions.append(.close(ending, agent: agent))
    run.results[task.index] = TaskResult(
      exitCode: ending.outcome.exitCode, outputs: ending.outputs, stdout: ending.stdout)
    finish(task, ending.outcome.taskState, reason: nil, ending: ending)
  }

  /// Nothing is known that would spare a task.
  mutating func missed(_ key: AttemptKey, _ tickets: [String: CacheTicket]) {
    guard let (task, run) = answered(key) else { return }
    // Agents were configured anew since: by what they are now nobody has looked.
    guard tickets.values.allSatisfy({ $0.generation == policy.generation }) else { return makeReady(task) }
    run.tickets[task.index] = tickets.isEmpty ? nil : tickets
    enqueue(task)
  }

  /// An equal attempt is under way: what it comes to will do for this one too. How long that takes nobody knows.
  mutating func follows(_ key: AttemptKey) {
    guard let (task, run) = answered(key) else { return }
    run.tasks[task.index].phase = .following
    record(task, .waiting, reason: TaskChange.following, notBefore: nil, ending: nil)
  }

  /// Takes a task out of its question, as if that had not been asked.
  /// - Returns: `nil` when nothing can come of the answer: its run is being stopped, or is held and asks anew when it goes on.
  private mutating func answered(_ key: AttemptKey) -> (TaskReference, ActiveRun)? {
    guard let task = reference(key), let run = runs[task.run] else { return nil }
    switch run.tasks[task.index].phase {
    case .asking: leaveAsking(task)
    case .beginning(_, let agent):
      leaveBeginning(task, agent)
      run.tasks[task.index].attempts -= 1
    case .pending, .unasked, .following, .ready, .waiting, .committed, .queued, .running, .over: return nil
    }
    guard run.mayStart(task.index) else {
      resolve(task)
      return nil
    }
    guard !run.isHeld else {
      makeReady(task)
      return nil
    }
    return (task, run)
  }

  /// The number that a task was looked up under is used again.
  mutating func leaveAsking(_ task: TaskReference) {
    guard let run = runs[task.run], case .asking = run.tasks[task.index].phase else { return }
    asking -= 1
    run.tasks[task.index].attempts -= 1
  }

  /// An equal attempt is over: what waited for it is looked up, and so is what waits for anything else meanwhile.
  mutating func preceded(_ keys: [AttemptKey]) {
    // One that has waited both in line and for the attempt is named twice.
    var tasks: Set<TaskReference> = []
    for key in keys {
      guard let run = runs[key.workflow], let index = run.indices[key.task], run.tasks[index].attempts == key.number - 1
      else { continue }
      let task = TaskReference(run: key.workflow, index: index)
      switch run.tasks[index].phase {
      case .following:
        if tasks.insert(task).inserted { record(task, .pending, reason: nil, notBefore: nil, ending: nil) }
      case .ready: tasks.insert(task)
      case .pending, .unasked, .asking, .waiting, .beginning, .committed, .queued, .running, .over: break
      }
    }
    if !ready.isEmpty, !tasks.isEmpty { ready.removeAll { tasks.contains($1) } }
    for task in tasks.sorted() { makeReady(task) }
  }
}

extension TaskPhase {
  /// Whether the task waits for its turn, be it to be looked up or to begin.
  var isInLine: Bool {
    switch self {
    case .unasked, .ready: true
    case .pending, .asking, .following, .waiting, .beginning, .committed, .queued, .running, .over: false
    }
  }
}

extension TaskChange {
  /// Why a task waits that has no time to wait until.
  public static let following = "an equal task is under way, and its result will do for this one too"
}
