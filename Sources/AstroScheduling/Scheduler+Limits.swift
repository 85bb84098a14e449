import AstroCore

extension Scheduler.Policy {
  /// Where the named limits of a lane's tasks are charged when `member` takes them.
  func namedPlaces(_ lane: FairLane, _ member: AgentPool.Member) -> [LimitPlace] {
    (lane.limits + member.limits).map { name in
      let scope = scopes[name] ?? .all
      return LimitPlace(
        limiter: name, key: scope.key(user: lane.user, agent: member.id, workflow: lane.workflow?.text ?? ""))
    }
  }

  /// Where all limits of a lane's tasks are charged when `member` takes them.
  func places(_ lane: FairLane, _ member: AgentPool.Member) -> [LimitPlace] {
    var places = namedPlaces(lane, member)
    if member.isPerformer {
      places.append(LimitPlace(limiter: LimiterName.provider, key: member.id))
      places.append(LimitPlace(limiter: LimiterName.apiCalls, key: lane.user))
      if member.kind == AgentKind.llm.rawValue {
        places.append(LimitPlace(limiter: LimiterName.quota, key: member.id))
        places += budgets.map { LimitPlace(limiter: $0.key, key: $0.value ? lane.user : "") }
        if let run = lane.workflow { places.append(LimitPlace(limiter: LimiterName.runBudget, key: run.text)) }
      }
    }
    return places
  }
}

extension Scheduler {
  /// Nothing that needs the limit begins before `until`, in boot time.
  mutating func block(_ place: LimitPlace, until: Int64) {
    guard until > blocked[place] ?? 0 else { return }
    blocked[place] = until
    timers.add(.unblock(place), at: until)
  }

  /// Whether all tasks of a lane wait for a place, and not this one alone.
  func isShared(_ place: LimitPlace, by task: TaskReference, in run: ActiveRun, with agent: Int) -> Bool {
    if place.limiter == LimiterName.taskSubmission { return true }
    return policy.places(lane(of: task, in: run), agents.entries[agent].member).contains {
      $0 == place || $0.slots == place
    }
  }

  /// An attempt gives back its places among those that may run at a time, also at the limits of agents that it fell back on:
  /// whoever waits for one is asked again. What its calls took with those agents themselves came back with the calls.
  mutating func freeSlots(of task: TaskReference, with agent: Int) {
    guard !blocked.isEmpty || !alone.isEmpty, let run = runs[task.run] else { return }
    let member = agents.entries[agent].member
    let fallbacks = member.fallbacks.compactMap { agents.index(of: $0) }.map { agents.entries[$0].member }
    let lane = lane(of: task, in: run)
    let places = policy.places(lane, member) + fallbacks.flatMap { policy.namedPlaces(lane, $0) }
    open(Set(places.map(\.slots)))
  }

  /// Whoever waits for one of these is asked again: in line, and of those who wait alone one for a place that is free, and all
  /// for a key that works. At a rate they wait for a time, and are not all asked whenever something comes back.
  mutating func open(_ places: some Sequence<LimitPlace>) {
    for place in places {
      blocked[place] = nil
      if place.isOfSlots, let waiting = alone[place], let first = firstInLine(of: waiting) { awake(first) }
    }
    // Whose key it is that works, one of those who wait for another may ask instead.
    guard places.contains(where: { $0.limiter == LimiterName.quota }) else { return }
    let waiting = alone.filter { $0.key.limiter == LimiterName.quota }.values.flatMap { $0 }
    for task in waiting.sorted() { awake(task) }
  }

  private func firstInLine(of tasks: Set<TaskReference>) -> TaskReference? {
    let (runs, share) = (runs, share)
    func rank(_ task: TaskReference) -> FairRank? {
      runs[task.run].map { FairRank(priority: $0.priority, place: share.place(of: $0.user), age: $0.order) }
    }
    return tasks.min { a, b in
      guard let first = rank(a), let second = rank(b) else { return a < b }
      return first.precedes(second) || (!second.precedes(first) && a < b)
    }
  }

  /// A task has waited: it is asked again.
  mutating func awake(_ task: TaskReference) {
    leaveWaiting(task)
    if case .waiting(let until, _)? = phase(of: task), until > now.boot {
      record(task, .pending, reason: nil, notBefore: nil, ending: nil)
    }
    makeReady(task)
  }

  mutating func leaveWaiting(_ task: TaskReference) {
    guard case .waiting(_, let place?)? = phase(of: task) else { return }
    alone[place]?.remove(task)
    if alone[place]?.isEmpty == true { alone[place] = nil }
  }

  /// Why a task waits that a limit binds alone, as its record says it.
  public static func reason(of limiter: String) -> String { "limit \(limiter)" }

  /// The limiter that ``reason(of:)`` names; `nil` for another reason.
  public static func limiter(in reason: String) -> String? {
    reason.hasPrefix("limit ") ? String(reason.dropFirst("limit ".count)) : nil
  }

  /// An attempt found a limit used up half-way and has ended without an outcome: it begins again when the limit opens, under
  /// the same number, behind whoever waits for it already.
  mutating func parked(_ key: AttemptKey, _ place: LimitPlace, _ until: Int64, _ bindsOthers: Bool) {
    guard let task = reference(key), case .running(let agent, let cause)? = phase(of: task), let run = runs[task.run]
    else { return }
    // Asked to end at the same moment: that is how it ends.
    guard cause == nil else { return ended(.withoutWork(key, at: now.wall)) }
    leaveSlot(agent)
    freeSlots(of: task, with: agent)
    let until = max(until, now.boot + 1000)
    if bindsOthers, isShared(place, by: task, in: run, with: agent) {
      block(place, until: until)
      return forget(task, key, hasBegun: true)
    }
    run.tasks[task.index].attempts -= 1
    run.tasks[task.index].counted -= 1
    decisions.append(.forget(key, hasBegun: true))
    pause(task, for: .microseconds(until - now.boot), reason: Self.reason(of: place.limiter), at: place)
  }

  /// A budget does not have what an attempt needs next: the attempt is as if it had not begun, and its run is held.
  mutating func overBudget(_ key: AttemptKey, _ reason: String) {
    guard let task = reference(key) else { return }
    switch phase(of: task) {
    case .beginning(_, let agent):
      leaveBeginning(task, agent)
      runs[task.run]?.tasks[task.index].attempts -= 1
      guard let run = runs[task.run], run.mayStart(task.index) else { return resolve(task) }
      // A run that is stopping is not held, and nobody would raise its budget.
      guard run.stopping == nil else { return finish(task, .failed, reason: reason) }
      makeReady(task)
    case .running(_, .some): return ended(.withoutWork(key, at: now.wall))
    case .running(let agent, nil):
      if runs[task.run]?.stopping != nil { return ended(.overBudget(key, reason, at: now.wall)) }
      leaveSlot(agent)
      freeSlots(of: task, with: agent)
      forget(task, key, hasBegun: true)
    case .pending, .unasked, .asking, .following, .ready, .waiting, .committed, .queued, .over, nil: return
    }
    guard let run = runs[task.run], run.stopping == nil, !run.isHeld else { return }
    hold(task.run)
    decisions.append(.runHeld(task.run, reason: reason))
  }
}

extension AttemptEnding {
  /// The end of an attempt that was asked to end and had stopped by itself.
  fileprivate static func withoutWork(_ key: AttemptKey, at time: Timestamp) -> AttemptEnding {
    AttemptEnding(key: key, outcome: .cancelled(nil), startedAt: time, finishedAt: time, duration: .zero)
  }

  fileprivate static func overBudget(_ key: AttemptKey, _ reason: String, at time: Timestamp) -> AttemptEnding {
    AttemptEnding(
      key: key, outcome: .performed(.maxCost, reason), startedAt: time, finishedAt: time, duration: .zero)
  }
}
