public import AstroCore

/// The pure core of the runner: told what has happened, it decides what is to be done. No I/O, no clock, no randomness
/// of its own: the same events at the same moments give the same decisions.
///
/// Promises, each a property test: no task starts before its needs are over; no attempt begins twice; every task of
/// every run comes to an end when its attempts do; never more than `parallel` attempts run, nor more than an agent's
/// `max_concurrent`; no slot stays free while a task could start in it.
public struct Scheduler: ~Copyable {
  public struct Policy: Sendable {
    /// Processes that may run at once.
    public var parallel: Int
    /// The most starts that are committed beyond the free slots, so that one fsync pays for many.
    /// Half of them the launcher may hold ready, so that a slot is filled at once while a commit is under way.
    public var ahead = 32
    /// How far ahead in time starts are committed: as many as may be expected to begin within it. Where attempts take
    /// long none are, and a newcomer or a higher priority waits behind nobody who has not begun.
    public var horizon = Duration.milliseconds(20)
    /// How long attempts are taken to last before the first has ended.
    public var pace = Duration.seconds(1)
    /// How many tasks are looked up at once: each is held in memory with all it is asked.
    public var lookups = 64
    /// For whom each named limit has a state of its own; one that is not here has one for everybody.
    public var scopes: [String: NamedLimit.Scope] = [:]
    /// Budgets of a period, as limiters, and whether each user has one of its own: what calls to models wait for.
    public var budgets: [String: Bool] = [:]
    /// ``CacheTicket/generation`` of the tickets that still say something.
    public var generation = 0
    public init(parallel: Int) { self.parallel = parallel }
  }

  var policy: Policy
  var agents: AgentPool
  var runs: [WorkflowID: ActiveRun] = [:]
  var ready = FairQueue<TaskReference>()
  /// Calls that attempts which run ask leave for; in one line with ``ready``.
  var asks = FairQueue<CallAsk>()
  /// The one that is being answered.
  var admitted: (lane: FairLane, entry: FairQueue<CallAsk>.Entry)?
  var share = FairShare()
  /// What is to be looked up before it is ready.
  var unasked = LookupLine()
  /// Tasks that are being looked up.
  var asking = 0
  var timers = TimerQueue()
  /// Committed starts without a process, best first.
  var committed: [TaskReference] = []
  /// How long attempts take, in microseconds: a decaying mean of those that ended.
  var pace: Double
  /// Boot time of the last end.
  var lastEnd: Int64
  /// Attempts the launcher holds ready, in the order it will start them.
  var queued: [TaskReference] = []
  /// Starts decided and not yet answered by the journal.
  var beginning = 0
  var running = 0
  /// Attempts that agents perform themselves, without a process.
  var performing = 0
  /// Limits that are used up, and the boot time each opens at.
  var blocked: [LimitPlace: Int64] = [:]
  /// Tasks that wait for a limit which binds them alone: places, and keys, of agents that theirs fall back on.
  var alone: [LimitPlace: Set<TaskReference>] = [:]
  /// The current pause of an unhealthy agent's probes.
  var probePauses: [String: Duration] = [:]
  /// Tasks whose end has yet to reach their dependents, while that is being worked through.
  var unwinding: [TaskReference]?
  var isStopping = false
  var now: Moment
  var decisions: [Decision] = []
  private var nextOrder: Int64 = 0
  private var random: SplitMix64

  /// - Parameter seed: of the jitter, so that a history can be repeated.
  public init(policy: Policy, agents: AgentPool, now: Moment, seed: UInt64) {
    self.policy = policy
    self.agents = agents
    self.now = now
    pace = Double(policy.pace.microseconds)
    lastEnd = now.boot
    random = SplitMix64(state: seed)
    for member in agents.members where agents.record(of: member.id)?.isHealthy == false {
      timers.add(.probe(agent: member.id), at: now.boot)
    }
  }

  /// Takes in what happened up to `now`, and every timer due by then.
  /// - Returns: what is to be done, in order.
  public mutating func handle(_ events: [Event], at now: Moment) -> [Decision] {
    self.now = now
    for event in events { handle(event) }
    while let purpose = timers.popDue(at: now.boot) { fire(purpose) }
    launchCommitted()
    lookUp()
    beginReady()
    if timers.isCrowded { timers = timers.keeping { isLive($0) } }
    defer { decisions.removeAll(keepingCapacity: true) }
    return decisions
  }

  private mutating func handle(_ event: Event) {
    switch event {
    case .admitted(let seed): admit(seed)
    case .granted(let key): granted(key)
    case .denied(let key, let verdict): denied(key, verdict)
    case .refused(let key, let reason): refused(key, reason)
    case .cached(let ending, let agent): cached(ending, agent)
    case .missed(let key, let tickets): missed(key, tickets)
    case .follows(let key): follows(key)
    case .preceded(let keys): preceded(keys)
    case .began(let key): began(key)
    case .withdrawn(let key): withdrawn(key)
    case .parked(let key, let place, let until, let bindsOthers): parked(key, place, until, bindsOthers)
    case .overBudget(let key, let reason): overBudget(key, reason)
    case .seenRunning(let key, let since): seenRunning(key, since)
    case .neverBegan(let key): neverBegan(key)
    case .ended(let ending): ended(ending)
    case .asked(let ask): asked(ask)
    case .answered(let ask, let answer): answered(ask, answer)
    case .opened(let places): open(places)
    case .cancel(let id): stop(id, because: .cancel)
    case .hold(let id): hold(id)
    case .release(let id): release(id)
    case .probed(let agent, let error): probed(agent, error)
    case .stopping: stopStarting()
    }
  }

  private mutating func fire(_ purpose: TimerQueue.Purpose) {
    guard isLive(purpose) else { return }
    switch purpose {
    case .retry(let task, _): awake(task)
    case .timeout(let task, _): end(task, because: .timeout)
    case .kill(let task, _):
      if let run = runs[task.run] {
        decisions.append(.kill(run.key(task.index, attempt: run.tasks[task.index].attempts)))
      }
    case .deadline(let run, _): stop(run, because: .deadline)
    case .unblock(let place): if let until = blocked[place], until <= now.boot { blocked[place] = nil }
    case .probe(let agent): decisions.append(.probe(agent: agent))
    }
  }

  /// Whether a timer still means anything.
  private func isLive(_ purpose: TimerQueue.Purpose) -> Bool {
    switch purpose {
    case .retry(let task, let until):
      if case .waiting(until, _)? = phase(of: task) { true } else { false }
    case .timeout(let task, let launch):
      if case .running(_, nil)? = phase(of: task) { launches(of: task) == launch } else { false }
    case .kill(let task, let launch):
      if case .running(_, .some)? = phase(of: task) { launches(of: task) == launch } else { false }
    case .deadline(let run, let life): runs[run]?.order == life
    case .unblock(let place): blocked[place] != nil
    case .probe: true
    }
  }

  // MARK: What others may ask

  public var activeRuns: Int { runs.count }
  /// Attempts that run, or will without being asked again.
  public var runningAttempts: Int { running + performing + queued.count }
  /// `nil` when the run is not among the active ones.
  public func isHeld(_ id: WorkflowID) -> Bool? { runs[id]?.isHeld }
  public func agentRecord(_ id: String) -> AgentPool.Record? { agents.record(of: id) }
  public var agentPool: AgentPool { agents }

  /// Boot time of the next timer, in microseconds; `nil` when only outside events can change anything.
  public var nextDue: Int64? { timers.nextDue }

  /// How many starts are worth committing beyond the free slots.
  var ahead: Int {
    // Where nothing has ended for a while, what runs takes at least that long.
    let expected = max(pace, Double(running > 0 ? now.boot - lastEnd : 0), 1)
    return min(policy.ahead, Int(min(Double(policy.horizon.microseconds) * Double(policy.parallel) / expected, 1e6)))
  }

  /// Whether starts wait for the journal while few are granted ahead of the slots: committing now keeps slots from
  /// standing idle. Else the commit can wait for more to share it.
  public var wantsGrants: Bool { beginning > 0 && committed.count + queued.count <= ahead / 2 }

  /// Whether ends come fast and the launcher has starts for the next few: nothing is lost when those are heard of a little
  /// later.
  public var isWellSupplied: Bool { queued.count >= 4 && now.boot - lastEnd < policy.horizon.microseconds }

  /// What ready tasks ask for and no configured agent could ever take, in no order.
  public var unserved: Set<AgentRequest> { Set(ready.requests.filter { !agents.serves($0) }) }

  /// How many ready tasks wait for each limit that is used up.
  public var parked: [String: Int] {
    guard !blocked.isEmpty else { return [:] }
    var found: [String: Int] = [:]
    ready.forEachLane { lane, count in
      guard let member = agents.members.first(where: { $0.suits(lane.request) }) else { return }
      let places = [LimitPlace(limiter: LimiterName.taskSubmission, key: lane.user)] + policy.places(lane, member)
      // The one that opens last holds them.
      let holding = places.flatMap { [$0, $0.slots] }.compactMap { place in blocked[place].map { (place, $0) } }
      if let place = holding.max(by: { $0.1 < $1.1 })?.0 { found[place.limiter, default: 0] += count }
    }
    return found
  }

  /// Agents whose keys tasks wait for, as was known when they asked.
  /// - Parameter isAlone: of tasks that have nobody else to ask than those whose keys are used up; else of all tasks that any
  ///   fallback of the agent would serve.
  public func awaitedKeys(alone isAlone: Bool) -> Set<String> {
    let places = isAlone ? Array(alone.keys) : Array(blocked.keys)
    return Set(places.filter { $0.limiter == LimiterName.quota }.map(\.key))
  }

  /// Whether something is under way: an attempt that runs, or one that will without waiting for any timer.
  public var isBusy: Bool {
    running > 0 || performing > 0 || !queued.isEmpty || beginning > 0 || asking > 0
      || (!isStopping && (!committed.isEmpty || !unasked.isEmpty || ready.contains { agent(for: $0, spare: 1) != nil }))
  }

  /// The earliest end of a retry's pause, in boot microseconds: what a pass that would otherwise leave may wait for.
  public var nextRetry: Int64? {
    guard !isStopping else { return nil }
    return timers.nextDue {
      guard case .retry(let task, _) = $0, case .waiting(_, nil)? = phase(of: task) else { return false }
      return runs[task.run]?.isHeld == false && isLive($0)
    }
  }

  /// Takes over a changed configuration. What runs goes on; what was handed over to start at a coming end is asked back, so
  /// that a lower bound holds at once, and keeps its grant; starts on an agent that is gone are forgotten and decided on
  /// anew.
  /// - Parameter records: the past of agents that are new.
  public mutating func reconfigure(
    _ policy: Policy, _ members: [AgentPool.Member], records: [String: AgentPool.Record] = [:]
  ) {
    self.policy = policy
    agents.reconfigure(members, records: records)
    for task in queued { withdraw(task) }
    for task in committed where !stands(task) { takeBack(task) }
    lineUp()
  }

  /// Forgets until when limits are used up: they are asked anew.
  public mutating func unblock() {
    blocked.removeAll()
    for task in alone.values.flatMap({ $0 }).sorted() { awake(task) }
  }

  func phase(of task: TaskReference) -> TaskPhase? { runs[task.run]?.tasks[task.index].phase }
  func attempts(of task: TaskReference) -> Int? { runs[task.run].map { Int($0.tasks[task.index].attempts) } }

  func launches(of task: TaskReference) -> Int32? { runs[task.run]?.tasks[task.index].launches }

  mutating func takeOrder() -> Int64 {
    defer { nextOrder += 1 }
    return nextOrder
  }

  mutating func draw() -> Double { Double(random.next() >> 11) / 9_007_199_254_740_992 }
}

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): enough for jitter, and repeatable.
struct SplitMix64 {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
