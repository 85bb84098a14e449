public import AstroConfiguration
public import AstroCore
public import AstroJournal
public import AstroScheduling
import AstroWorkflow

/// Everything an ``Explanation`` of a run is drawn from, as it stood at one moment.
public struct RunSituation: Sendable {
  /// Who works on the run.
  public enum Presence: Sendable, Equatable {
    /// Its owner's lock is held.
    case working
    /// Its owner is gone, and a runner that adopts runs is there.
    case succession
    case absent
  }

  public var run: RunRecord
  /// Empty for a run that was rejected.
  public var plan: WorkflowPlan
  public var tasks: [String: TaskRecord] = [:]
  /// The last attempt of each task.
  public var attempts: [String: AttemptRecord] = [:]
  public var slots: [OccupiedSlot] = []
  public var agents: [AgentPool.Member]
  public var records: [String: AgentRecord] = [:]
  /// What the limit on starts would say to the run's user now.
  public var limit: LimitVerdict?
  /// When it lets each task that waits for it through, those before it in the user's line first.
  public var openings: [String: Timestamp] = [:]
  /// What the named limits would say to each task that waits, where they would refuse it.
  public var refusals: [String: LimitVerdict] = [:]
  /// Attempts that may run at once under one runner.
  public var parallel: Int
  public var presence = Presence.working
  public var now: Timestamp
  /// The only task that is asked about; `nil` is all.
  private var asked: String?

  public init(run: RunRecord, plan: WorkflowPlan, agents: [AgentPool.Member], parallel: Int, now: Timestamp) {
    self.run = run
    self.plan = plan
    self.agents = agents
    self.parallel = parallel
    self.now = now
  }

  /// What the journal says of one run, without what is around it.
  init(_ run: RunRecord, in journal: Reading, at now: Timestamp) throws(Failure) {
    let content = try journal.content(run.id) ?? []
    self.init(
      run: run, plan: WorkflowParser.parse(content, file: run.shownFile).plan ?? WorkflowPlan(), agents: [],
      parallel: 0, now: now)
    for task in try journal.tasks(of: run.id) { tasks[task.task] = task }
    for attempt in try journal.attempts(of: run.id) { attempts[attempt.key.task] = attempt }
  }

  /// Reads it; `nil` when there is no such run.
  public init?(
    _ id: WorkflowID, in journal: Reading, home: Home, configuration: Configuration, at now: Moment, bootID: String
  ) throws(Failure) {
    guard let run = try journal.run(id) else { return nil }
    let system = configuration.system
    try self.init(run, in: journal, at: now.wall)
    agents = configuration.members
    parallel = Runner.policy(configuration).parallel
    guard !run.state.isTerminal else { return }
    slots = try journal.occupiedSlots()
    for record in try journal.agents() { records[record.id] = record }
    limit = try RateLimits(configured: system.limits)
      .check(LimiterName.taskSubmission, key: run.user, in: journal, at: now, bootID: bootID)
    if limit?.allowed == false {
      openings = try StartLine(of: run.user, in: journal, home: home, at: now.wall).openings(
        of: run,
        LimitForecast(LimiterName.taskSubmission, of: run.user, configuration, journal, bootID: bootID, at: now))
    }
    refusals = try namedLimits(configuration, journal, home, at: now, bootID: bootID)
    presence = try WorkingRunner.all(dataDirectory: home.data).presence(of: run.owner)
  }

  private func namedLimits(
    _ configuration: Configuration, _ journal: Reading, _ home: Home, at now: Moment, bootID: String
  ) throws(Failure) -> [String: LimitVerdict] {
    let allowances = Allowances(configuration)
    // Nothing is sent, and no tool is called: neither keys nor a program are needed.
    lazy var performers = configuration.performers(
      home: home, environment: [:], clock: SystemClock(),
      tools: configuration.toolHost(home: home, environment: [:], executable: "", clock: SystemClock()))
    var found: [String: LimitVerdict] = [:]
    for task in plan.tasks where readySince(task) != nil {
      guard let agent = agents.first(where: { $0.suits(task.agent) }) else { continue }
      var demand = Allowances.Demand(
        key: AttemptKey(workflow: run.id, task: task.id, number: 1), user: run.user, agent: agent.id,
        limits: task.limits + agent.limits, isPerformed: agent.isPerformer, isStart: true)
      demand.fallbacks = configuration.agent(agent.id)?.fallbacks ?? []
      (demand.budget, demand.runBudget) = (task.budget, plan.budget)
      let isWeighed = allowances.weighCalls(at: demand.limits) || task.budget != nil || plan.budget != nil
      if agent.isPerformer, isWeighed, let performer = performers[agent.id] {
        demand.ceiling = ceiling(of: task, with: performer, home)
      }
      guard !demand.limits.isEmpty || demand.isPerformed else { continue }
      found[task.id] = try allowances.refusal(of: demand, in: journal, at: now, bootID: bootID)
    }
    return found
  }

  /// The most that the first call of a task can take, as far as the journal tells what its request is.
  private func ceiling(of task: TaskPlan, with performer: any Performer, _ home: Home) -> CallCeiling? {
    guard case .request(let template) = task.work else { return nil }
    let directory = RunDirectory(run.id, in: home.runs)
    let context = ExpressionContext.outside(
      params: run.params, id: run.id.text, name: run.name, user: run.user, directory: directory.files
    ) { name in
      tasks[name].map { task in
        .map([
          "status": .string(task.state.rawValue), "exit_code": task.exitCode.map { .integer(Int64($0)) } ?? .null,
          "stdout": .string(task.stdout ?? ""), "outputs": .map(task.outputs.mapValues { .string($0) }),
        ])
      }
    }
    guard let with = try? template.render(in: context, secrets: plan.secrets).revealed({ _ in "" }) else { return nil }
    let request = PerformanceRequest(
      key: AttemptKey(workflow: run.id, task: task.id, number: 1), user: run.user, agent: "", with: with,
      directory: directory, promise: AttemptPromise())
    return (try? performer.ceiling(of: request)) ?? nil
  }

  /// Leaves all other tasks out of the explanation.
  public mutating func narrow(to task: String) { asked = task }
  func isAskedAlone(_ task: String) -> Bool { asked == task }
  func isAsked(_ task: String) -> Bool { asked == nil || asked == task }

  /// What keeps one task, that is not over, from starting.
  func causes(of task: TaskPlan) -> [Explanation.Cause] {
    let record = tasks[task.id]
    if record?.state == .running {
      let attempt = attempts[task.id]
      return [
        .running(
          attempt: record?.attempts ?? 1, agent: attempt?.agent ?? "",
          since: attempt?.started.wall ?? record?.startedAt ?? now)
      ]
    }
    let needs = openNeeds(of: task)
    if !needs.isEmpty { return needs.map { .need($0, tasks[$0]?.state ?? .pending) } }
    if isFollowing(task) { return [.equalTask] }
    var causes: [Explanation.Cause] = []
    if let record, let until = pause(of: task) {
      if let limiter = record.reason.flatMap(Scheduler.limiter(in:)) {
        causes.append(.ownLimit(limiter, until: until))
      } else {
        causes.append(
          .backoff(
            number: record.attempts - record.base + 1, of: task.retry.attempts, until: until, reason: record.reason))
      }
    }
    if let limit, !limit.allowed, !isGranted(task) {
      causes.append(.limit(limit, opensAt: openings[task.id] ?? now + limit.retryAfter))
    }
    if let refusal = refusals[task.id], !isGranted(task) {
      let isOfSlots = LimitPlace(limiter: refusal.limiter, key: refusal.key).isOfSlots
      causes.append(.limit(refusal, opensAt: isOfSlots ? nil : now + refusal.retryAfter))
    }
    causes += slotCauses(of: task)
    return causes.isEmpty ? [.next] : causes
  }

  private func openNeeds(of task: TaskPlan) -> [String] {
    task.needs.map { plan.tasks[$0].id }.filter { tasks[$0]?.state.isTerminal != true }
  }

  /// The end of the pause before its next attempt, if one is going on.
  private func pause(of task: TaskPlan) -> Timestamp? {
    guard let record = tasks[task.id], record.state == .waiting, let until = record.notBefore, until > now else {
      return nil
    }
    return until
  }

  /// Whether it waits for an equal task: whatever else waits has a time to wait until.
  private func isFollowing(_ task: TaskPlan) -> Bool {
    tasks[task.id].map { $0.state == .waiting && $0.notBefore == nil } ?? false
  }

  /// A start that is recorded has its grants.
  private func isGranted(_ task: TaskPlan) -> Bool { attempts[task.id].map { $0.ending == nil } ?? false }

  /// Since when a task wants to start and has no grant for it; `nil` for one that does not.
  func readySince(_ task: TaskPlan) -> Timestamp? {
    let record = tasks[task.id]
    guard record?.state.isTerminal != true, record?.state != .running, openNeeds(of: task).isEmpty,
      pause(of: task) == nil, !isFollowing(task), !isGranted(task)
    else { return nil }
    let needed = task.needs.compactMap { tasks[plan.tasks[$0].id]?.finishedAt }
    return (needed + [run.livesSince, record?.notBefore ?? run.livesSince]).max()
  }

  private func slotCauses(of task: TaskPlan) -> [Explanation.Cause] {
    let ours = slots.filter { $0.owner == run.owner }
    var states: [Explanation.Agent] = []
    var isFree = false
    for agent in agents where agent.suits(task.agent) {
      let running = ours.count { $0.agent == agent.id }
      if let record = records[agent.id], !AgentPool.Record(record).isHealthy {
        states.append(.unhealthy(id: agent.id, error: record.lastError, probeAt: record.probeAt))
      } else if let slots = agent.maxConcurrent, running >= slots {
        states.append(.full(id: agent.id, running: running, slots: slots))
      } else {
        isFree = true
      }
    }
    if !isFree { return states.isEmpty ? [.noAgent(task.agent)] : [.agents(states)] }
    return ours.count >= parallel ? [.parallel(running: ours.count, most: parallel)] : []
  }
}

extension [WorkingRunner] {
  /// Whether one of them takes files from the spool and adopts runs: one in the foreground does not.
  var hasTaker: Bool { contains(where: \.takesFiles) }

  /// Who looks after a run of `owner`.
  func presence(of owner: String?) -> RunSituation.Presence {
    if contains(where: { $0.id == owner }) { return .working }
    return hasTaker ? .succession : .absent
  }
}
