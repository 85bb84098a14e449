import AstroCore

extension Scheduler {
  /// Takes a run in: restores what the journal knows, then finds out what can go on.
  mutating func admit(_ seed: RunSeed) {
    precondition(runs[seed.id] == nil, "a run is admitted once; its owner's lock sees to that")
    let run = ActiveRun(seed, order: takeOrder())
    for (name, task) in seed.restored {
      guard let index = run.indices[name] else { continue }
      restore(task, at: index, in: run)
    }
    for index in run.tasks.indices {
      if case .over = run.tasks[index].phase {
        for dependent in run.dependents(of: index) { run.tasks[Int(dependent)].missingNeeds -= 1 }
      }
    }
    let id = seed.id
    runs[id] = run
    for index in run.tasks.indices { resume(TaskReference(run: id, index: index)) }
    if let deadline = run.plan.deadline {
      timers.add(
        .deadline(id, life: run.order), at: now.boot + (deadline - (now.wall - seed.since)).microseconds)
    }
    if let cause = seed.stopping { stop(id, because: cause) }
    finishIfOver(id)
  }

  private mutating func restore(_ task: RestoredTask, at index: Int, in run: ActiveRun) {
    let reference = TaskReference(run: run.id, index: index)
    run.tasks[index].attempts = Int32(task.attempts)
    run.tasks[index].counted = Int32(task.counted)
    run.firstStart[index] = task.startedAt
    switch task.flight {
    case .running(let agent, let since, let cause):
      run.tasks[index].phase = .running(agent: agents.position(of: agent), ending: cause)
      let plan = run.plan.tasks[index]
      if let cause {
        // Whether it has been told is not recorded, nor when: it is told again and has its whole grace.
        decisions.append(.end(run.key(index, attempt: Int32(task.attempts)), because: cause))
        timers.add(.kill(reference, launch: 0), at: now.boot + plan.grace.microseconds)
      } else if let since, let timeout = timeout(of: plan, with: agents.position(of: agent)) {
        timers.add(.timeout(reference, launch: 0), at: since + timeout.microseconds)
      }
    case .committed, .interrupted:
      // Whatever wait came before it was over. Decided on anew, under the same number: nothing is counted that did not
      // happen.
      decisions.append(
        .forget(run.key(index, attempt: Int32(task.attempts)), hasBegun: task.flight == .interrupted))
      run.tasks[index].attempts -= 1
      run.tasks[index].counted -= 1
    case .none:
      if task.state.isTerminal {
        run.tasks[index].phase = .over(task.state)
        run.remaining -= 1
        run.results[index] = TaskResult(exitCode: task.exitCode, outputs: task.outputs, stdout: task.stdout)
      } else if let notBefore = task.notBefore {
        let until = now.boot + max(0, (notBefore - now.wall).microseconds)
        run.tasks[index].phase = .waiting(until: until, for: nil)
        timers.add(.retry(reference, until: until), at: until)
      }
    }
  }

  private mutating func resume(_ task: TaskReference) {
    guard let runtime = runs[task.run]?.tasks[task.index] else { return }
    switch runtime.phase {
    case .pending: if runtime.missingNeeds == 0 { resolve(task) }
    case .running(let agent, _):
      takeSlot(agent)
    case .unasked, .asking, .following, .ready, .waiting, .beginning, .committed, .queued, .over: break
    }
  }

  /// Decides what becomes of a task whose needs are all over.
  mutating func resolve(_ task: TaskReference) {
    guard let run = runs[task.run] else { return }
    let plan = run.plan.tasks[task.index]
    let verdict = run.verdictOnNeeds(of: task.index)
    let condition = plan.condition
    guard run.mayStart(task.index) else {
      return finish(task, .cancelled, reason: run.stopReason)
    }
    if condition?.asksForStatus != true {
      if let failed = verdict.failed {
        let need = run.plan.tasks[failed].id
        return finish(task, .upstreamFailed, reason: "need '\(need)' \(run.state(of: failed).rawValue)")
      }
      if verdict.skipped { return finish(task, .skipped, reason: "a need was skipped") }
    }
    guard let condition else { return makeReady(task) }
    do throws(EvaluationError) {
      if try condition.evaluate(in: run.context(for: task.index)).isTruthy { return makeReady(task) }
      finish(task, .skipped, reason: "its if is false")
    } catch {
      finish(task, .failed, reason: "cannot evaluate if: \(error.message)")
    }
  }

  /// A task may begin; one that may be spared is looked up first.
  mutating func makeReady(_ task: TaskReference) {
    guard let run = runs[task.run] else { return }
    guard run.cache(of: task.index) != nil else { return enqueue(task) }
    run.tasks[task.index].phase = .unasked
    run.tickets[task.index] = nil
    if !run.isHeld { unasked.insert(entry(of: task, in: run)) }
  }

  /// Puts a task into the line of those that wait for an agent, a slot and their limits.
  mutating func enqueue(_ task: TaskReference) {
    guard let run = runs[task.run] else { return }
    run.tasks[task.index].phase = .ready
    if !run.isHeld { ready.insert(entry(of: task, in: run), in: lane(of: task, in: run)) }
  }

  private func entry(of task: TaskReference, in run: ActiveRun) -> FairQueue<TaskReference>.Entry {
    FairQueue.Entry(priority: run.priority, age: run.order, position: task.index, item: task)
  }

  /// Puts everything that is ready into the queue anew: which lane a task is in depends on what its limits are counted by, and
  /// under what its result is kept on how its agents are configured.
  mutating func lineUp() {
    (unasked, ready) = (LookupLine(), FairQueue())
    for run in runs.values where !run.isHeld {
      for index in run.tasks.indices where run.tasks[index].phase.isInLine {
        makeReady(TaskReference(run: run.id, index: index))
      }
    }
  }

  func lane(of task: TaskReference, in run: ActiveRun) -> FairLane {
    let plan = run.plan.tasks[task.index]
    let isBoundAlone =
      run.plan.budget != nil || (!policy.scopes.isEmpty && policy.scopes.values.contains(.workflow))
    return FairLane(
      user: run.user, request: plan.agent, limits: plan.limits, workflow: isBoundAlone ? run.id : nil)
  }

  /// The agent that could take the tasks of a lane now, of those `admits` lets pass; `nil` when none could, or a limit
  /// they need is used up.
  func agent(
    for lane: FairLane, spare: Int, where admits: (AgentPool.Member) -> Bool = { _ in true }
  ) -> Int? {
    guard !blocked.isEmpty else { return agents.choose(lane.request, spare: spare, where: admits) }
    if blocked[LimitPlace(limiter: LimiterName.taskSubmission, key: lane.user)] != nil { return nil }
    return agents.choose(lane.request, spare: spare) { member in
      admits(member) && !policy.places(lane, member).contains { blocked[$0] != nil || blocked[$0.slots] != nil }
    }
  }

  /// Begins ready tasks: first what can fill free slots, then up to ``Policy/ahead`` more. What agents perform themselves
  /// begins whenever they have room.
  mutating func beginReady() {
    servePerformers()
    guard !isStopping, !ready.isEmpty else { return }
    while startable < policy.parallel - running, begin(spare: 0, where: { !$0.isPerformer }) {}
    let ahead = ahead
    while begunProcesses + queued.count < max(0, policy.parallel - running) + ahead,
      begin(spare: ahead, where: { !$0.isPerformer })
    {}
  }

  /// Begun attempts that would find a slot with their agent now.
  private var startable: Int {
    agents.entries.reduce(0) { $0 + ($1.member.isPerformer ? 0 : min($1.ahead, $1.free)) }
  }

  /// Begun attempts that take a process the launcher does not know of yet.
  private var begunProcesses: Int { agents.entries.reduce(0) { $0 + ($1.member.isPerformer ? 0 : $1.ahead) } }

  /// Begins the best ready task that may begin; false when there is none.
  private mutating func begin(spare: Int, where admits: (AgentPool.Member) -> Bool) -> Bool {
    guard let head = bestStart(spare: spare, where: admits) else { return false }
    begin(head, spare: spare, where: admits)
    return true
  }

  func bestStart(spare: Int, where admits: (AgentPool.Member) -> Bool) -> FairQueue<TaskReference>.Head? {
    ready.best(by: share) { agent(for: $0, spare: spare, where: admits) != nil }
  }

  mutating func begin(
    _ head: FairQueue<TaskReference>.Head, spare: Int, where admits: (AgentPool.Member) -> Bool
  ) {
    ready.remove(head)
    let task = head.entry.item
    guard let run = runs[task.run] else { return }
    guard let agent = agent(for: lane(of: task, in: run), spare: spare, where: admits) else {
      preconditionFailure("a lane was admitted whose agent has no room")
    }
    let attempt = run.tasks[task.index].attempts + 1
    do throws(EvaluationError) {
      let start = try run.start(task.index, attempt: attempt, agent: agents.entries[agent].member.id)
      runs[task.run]?.tasks[task.index].attempts = attempt
      runs[task.run]?.tasks[task.index].phase = .beginning(start, agent: agent)
      agents.entries[agent].ahead += 1
      beginning += 1
      share.take(run.user)
      decisions.append(.begin(start))
    } catch {
      finish(task, .failed, reason: error.message)
    }
  }

  /// A start that was decided comes to nothing, or needs nothing.
  mutating func leaveBeginning(_ task: TaskReference, _ agent: Int) {
    beginning -= 1
    agents.entries[agent].ahead -= 1
    if let run = runs[task.run] { share.giveBack(run.user) }
  }

  mutating func granted(_ key: AttemptKey) {
    guard let task = reference(key), case .beginning(let start, let agent)? = phase(of: task),
      let run = runs[task.run]
    else { return }
    beginning -= 1
    share.serve(run.user)
    run.tasks[task.index].counted += 1
    run.tasks[task.index].phase = .committed(start, agent: agent)
    committed.append(task)
    if !stands(task) { takeBack(task) }
  }

  mutating func denied(_ key: AttemptKey, _ verdict: LimitVerdict) {
    guard let task = reference(key), case .beginning(_, let agent)? = phase(of: task) else { return }
    leaveBeginning(task, agent)
    runs[task.run]?.tasks[task.index].attempts -= 1
    guard let run = runs[task.run] else { return }
    guard run.mayStart(task.index) else { return resolve(task) }
    let refused = LimitPlace(limiter: verdict.limiter, key: verdict.key)
    let place = refused.waitedFor
    let wait = max(.milliseconds(1), verdict.retryAfter)
    // What binds this task alone says nothing about the others.
    guard verdict.bindsOthers, isShared(place, by: task, in: run, with: agent) else {
      return pause(task, for: wait, reason: Self.reason(of: refused.limiter), at: refused)
    }
    // The verdict speaks for the whole window: nobody who does not need it waits behind it.
    enqueue(task)
    block(place, until: now.boot + wait.microseconds)
  }

  /// The start can never be granted: waiting cannot help.
  mutating func refused(_ key: AttemptKey, _ reason: String) {
    guard let task = reference(key), case .beginning(_, let agent)? = phase(of: task) else { return }
    leaveBeginning(task, agent)
    runs[task.run]?.tasks[task.index].attempts -= 1
    finish(task, .failed, reason: reason)
  }

  /// Gives free slots to the starts that were granted first, and hands more to the launcher for the slots that come
  /// free next.
  mutating func launchCommitted() {
    guard !isStopping else { return }
    fillSlots()
    let ahead = ahead
    var index = 0
    while index < committed.count, queued.count < ahead / 2, running == policy.parallel {
      let task = committed[index]
      guard case .committed(let start, let chosen)? = phase(of: task), agents.entries[chosen].isOpen,
        agents.entries[chosen].free > 0, !agents.entries[chosen].member.isPerformer
      else {
        index += 1
        continue
      }
      committed.remove(at: index)
      agents.entries[chosen].ahead -= 1
      agents.entries[chosen].queued += 1
      queued.append(task)
      runs[task.run]?.tasks[task.index].phase = .queued(start, agent: chosen, isWithdrawn: false)
      decisions.append(.enqueue(start))
    }
  }

  /// An attempt has taken the slot of one that ended.
  mutating func began(_ key: AttemptKey) {
    guard let task = reference(key), case .queued(let start, let agent, _)? = phase(of: task) else { return }
    leaveQueue(task, agent)
    run(task, start, agent)
    // One that begins at the very moment of a hold was going on when it came.
    if let run = runs[task.run], !run.mayStart(task.index), let cause = run.stopping { end(task, because: cause) }
  }

  mutating func leaveQueue(_ task: TaskReference, _ agent: Int) {
    queued.removeAll { $0 == task }
    agents.entries[agent].queued -= 1
  }

  private mutating func fillSlots() {
    // A slot may come free without an end that the launcher saw: of an adopted attempt, of a start that failed.
    while running < policy.parallel, let task = queued.first(where: { isUnhindered($0) }),
      case .queued(let start, let agent, _)? = phase(of: task)
    {
      leaveQueue(task, agent)
      decisions.append(.release(start.key))
      run(task, start, agent)
    }
    var index = 0
    while index < committed.count {
      let task = committed[index]
      guard case .committed(let start, let chosen)? = phase(of: task) else {
        preconditionFailure("the list of committed starts holds a task that is not")
      }
      guard running < policy.parallel || agents.entries[chosen].member.isPerformer,
        let agent = freeAgent(for: task, chosen: chosen)
      else {
        index += 1
        continue
      }
      committed.remove(at: index)
      agents.entries[chosen].ahead -= 1
      var moved = start
      moved.agent = agents.entries[agent].member.id
      moved.ticket = runs[task.run]?.tickets[task.index]?[moved.agent]
      if agent != chosen { decisions.append(.reassign(moved)) }
      decisions.append(.launch(moved))
      run(task, moved, agent)
    }
  }

  private func isUnhindered(_ task: TaskReference) -> Bool {
    if case .queued(_, _, isWithdrawn: false)? = phase(of: task) { true } else { false }
  }

  /// The agent chosen when the start was committed, or another that has come free first and takes the same limits.
  private func freeAgent(for task: TaskReference, chosen: Int) -> Int? {
    let entry = agents.entries[chosen]
    if entry.isOpen, entry.free > 0 { return chosen }
    guard let plan = runs[task.run]?.plan.tasks[task.index], !entry.member.isPerformer else { return nil }
    return agents.choose(plan.agent, spare: 0) {
      !$0.isPerformer && $0.limits == entry.member.limits
        && !($0.limits + plan.limits).contains { policy.scopes[$0] == .agent }
    }
  }

  /// From here on an attempt has a slot, and its time counts.
  private mutating func run(_ task: TaskReference, _ start: AttemptStart, _ agent: Int) {
    takeSlot(agent)
    runs[task.run]?.tasks[task.index].phase = .running(agent: agent, ending: nil)
    runs[task.run]?.tasks[task.index].launches += 1
    if let plan = runs[task.run]?.plan.tasks[task.index], let timeout = timeout(of: plan, with: agent) {
      timers.add(.timeout(task, launch: launches(of: task) ?? 0), at: now.boot + timeout.microseconds)
    }
    if let run = runs[task.run], !run.hasStarted {
      run.hasStarted = true
      decisions.append(.runStarted(task.run))
    }
    decisions.append(.started(start))
  }

  /// How long an attempt may take: as its task says, or else its agent.
  func timeout(of plan: TaskPlan, with agent: Int) -> Duration? { plan.timeout ?? agents.entries[agent].member.timeout }

  private mutating func takeSlot(_ agent: Int) {
    if agents.entries[agent].member.isPerformer { performing += 1 } else { running += 1 }
    agents.entries[agent].running += 1
  }

  func reference(_ key: AttemptKey) -> TaskReference? {
    guard let run = runs[key.workflow], let index = run.indices[key.task], run.tasks[index].attempts == key.number
    else { return nil }
    return TaskReference(run: key.workflow, index: index)
  }
}
