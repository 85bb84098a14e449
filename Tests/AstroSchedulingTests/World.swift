import AstroCore
import AstroScheduling

/// A runner, a journal and a launcher in one small value: it answers every decision at once and remembers what it saw.
/// `advance` turns the clock; nothing else does.
final class World {
  var scheduler: Scheduler
  var now = Moment(wall: Timestamp(microseconds: 1_764_000_000_000_000), boot: 1_000_000)
  /// Attempts with a process.
  var running: [AttemptKey: AttemptStart] = [:]
  /// Granted and not yet launched.
  var committed: Set<AttemptKey> = []
  /// Handed over to start at the next end, in order.
  var queued: [AttemptStart] = []
  var launched: [AttemptKey] = []
  var agentsOfLaunches: [String] = []
  private var withdrawals: [AttemptKey] = []
  var signals: [(AttemptKey, TerminationSignal)] = []
  /// Of another launcher than the present one: their ends start nothing.
  private var adopted: Set<AttemptKey> = []
  /// Told to be running after a restart, though they never began.
  private(set) var undecided: Set<AttemptKey> = []
  private let policy: Scheduler.Policy
  private let agents: [AgentPool.Member]
  private let records: [String: AgentPool.Record]

  /// What a restart finds.
  private var seeds: [WorkflowID: RunSeed] = [:]
  private var tasks: [WorkflowID: [String: RestoredTask]] = [:]
  private var attempts: [AttemptKey: Attempt] = [:]

  private struct Attempt {
    var start: AttemptStart
    var since: Int64
    var outcome: AttemptOutcome?
    var cause: EndingCause?
  }
  var updates: [TaskChange] = []
  var closed: [AttemptEnding] = []
  /// The agents of those.
  var closedBy: [String] = []
  /// Runs whose first task has begun.
  var started: [WorkflowID] = []
  var heldBecause: [WorkflowID: String] = [:]
  var ended: [WorkflowID: (state: RunState, reason: String?)] = [:]
  var probes: [String] = []
  /// Starts taken back, and whether they were committed.
  var forgotten: [(key: AttemptKey, wasCommitted: Bool)] = []
  /// Those of them that had done something, or may have.
  var begunAndForgotten: [AttemptKey] = []
  var changedAgents: [String] = []
  /// Asked at every start; nil grants.
  var limiter: (AttemptStart) -> LimitVerdict? = { _ in nil }
  /// The same of a call of an attempt that runs.
  var callLimiter: (CallAsk) -> LimitVerdict? = { _ in nil }
  /// What limits have let through, in order, and whose it was.
  var grants: [(key: AttemptKey, user: String)] = []
  /// Asks that were refused and do not wait.
  var refused: [CallAsk] = []
  var turnedAway: [(ask: CallAsk, place: LimitPlace, until: Int64)] = []
  /// Why a start can never be granted; asked first.
  var refusal: (AttemptStart) -> String? = { _ in nil }
  /// What was looked up, and under which agents.
  var lookedUp: [(key: AttemptKey, agents: [String])] = []
  /// Asked at every look; knows nothing. `nil` is no answer yet.
  var cache: (AttemptStart, [String]) -> Event? = { start, agents in
    .missed(start.key, Dictionary(uniqueKeysWithValues: agents.map { ($0, CacheTicket(key: "\($0) key")) }))
  }
  /// What the cache says to a start when it is to be recorded.
  var begunInstead: (AttemptStart) -> Event? = { _ in nil }

  init(
    parallel: Int = 2, ahead: Int = 16, agents: [AgentPool.Member] = [.shell()],
    records: [String: AgentPool.Record] = [:]
  ) {
    var policy = Scheduler.Policy(parallel: parallel)
    policy.ahead = ahead
    policy.pace = .zero
    (self.policy, self.agents, self.records) = (policy, agents, records)
    scheduler = Scheduler(policy: policy, agents: AgentPool(agents, records: records), now: now, seed: 7)
  }

  /// The runner is killed, and another one adopts every run that has not ended: what had begun goes on, what had not
  /// never does.
  /// - Parameter isUndecided: asked of each start without a process: whether the new runner cannot tell yet.
  func restart(
    held: Set<WorkflowID> = [], cancelled: Set<WorkflowID> = [], isUndecided: (AttemptKey) -> Bool = { _ in false }
  ) {
    let unbegun = attempts.keys.filter { attempts[$0]?.outcome == nil && running[$0] == nil }
    undecided.formUnion(unbegun.sorted { $0.description < $1.description }.filter(isUndecided))
    committed.subtract(undecided)
    adopted = Set(running.keys)
    queued = []
    scheduler = Scheduler(policy: policy, agents: AgentPool(agents, records: records), now: now, seed: 7)
    tell(
      seeds.keys.sorted().filter { ended[$0] == nil }.compactMap { id in
        seeds[id].map { .admitted(restored($0, held, cancelled)) }
      })
  }

  private func restored(_ seed: RunSeed, _ held: Set<WorkflowID>, _ cancelled: Set<WorkflowID>) -> RunSeed {
    var seed = seed
    seed.isHeld = held.contains(seed.id)
    seed.stopping = cancelled.contains(seed.id) ? .cancel : nil
    seed.restored = tasks[seed.id] ?? [:]
    for (key, attempt) in attempts where key.workflow == seed.id {
      var task = seed.restored[key.task] ?? RestoredTask(state: .pending)
      task.attempts = max(task.attempts, key.number)
      if case .notStarted(_, infrastructure: true)? = attempt.outcome {} else { task.counted += 1 }
      if attempt.outcome == nil {
        task.flight =
          running[key] != nil || undecided.contains(key)
          ? .running(
            agent: attempt.start.agent, since: undecided.contains(key) ? nil : attempt.since, ending: attempt.cause)
          : .committed
      }
      seed.restored[key.task] = task
    }
    return seed
  }

  /// The launcher of former days tells that an attempt never began.
  func tellNeverBegan(_ key: AttemptKey) {
    undecided.remove(key)
    tell(.neverBegan(key))
  }

  func tell(_ events: Event...) { tell(events) }

  func tell(_ events: [Event]) {
    var events = events
    for case .admitted(let seed) in events where seeds[seed.id] == nil { seeds[seed.id] = seed }
    repeat {
      var answers: [Event] = []
      for decision in scheduler.handle(events, at: now) {
        if case .lookUp(let start, let agents) = decision {
          lookedUp.append((start.key, agents))
          if let answer = cache(start, agents) { answers.append(answer) }
        }
        if case .begin(let start) = decision {
          if let answer = begunInstead(start) {
            answers.append(answer)
          } else if let reason = refusal(start) {
            answers.append(.refused(start.key, reason))
          } else if let verdict = limiter(start) {
            answers.append(.denied(start.key, verdict))
          } else {
            committed.insert(start.key)
            attempts[start.key] = Attempt(start: start, since: now.boot)
            grants.append((start.key, start.user))
            answers.append(.granted(start.key))
          }
        }
        if case .admit(let ask) = decision {
          if let verdict = callLimiter(ask) {
            let waits = ask.waits(for: verdict, at: now.boot)
            answers.append(.answered(ask, .refused(verdict, waits: waits)))
            if !waits { refused.append(ask) }
          } else {
            grants.append((ask.key, seeds[ask.key.workflow]?.user ?? ""))
            answers.append(.answered(ask, .granted))
          }
        }
        note(decision)
      }
      events = answers
    } while !events.isEmpty
    answerWithdrawals()
  }

  private func note(_ decision: Decision) {
    switch decision {
    case .begin, .lookUp, .admit: break
    case .turnAway(let ask, let place, let until): turnedAway.append((ask, place, until))
    case .runStarted(let id): started.append(id)
    case .runHeld(let id, let reason): heldBecause[id] = reason
    case .reassign(let start): attempts[start.key]?.start = start
    case .started(let start):
      tasks[start.key.workflow, default: [:]][start.key.task] = RestoredTask(
        state: .running, attempts: start.key.number, startedAt: now.wall)
    case .forget(let key, let hasBegun):
      if hasBegun { begunAndForgotten.append(key) }
      forgotten.append((key, committed.remove(key) != nil || attempts[key] != nil))
      attempts[key] = nil
      tasks[key.workflow]?[key.task] = RestoredTask(state: .pending, attempts: key.number - 1)
    case .agentChanged(let agent): changedAgents.append(agent)
    case .launch(let start): launch(start)
    case .enqueue(let start): queued.append(start)
    case .release(let key):
      guard let index = queued.firstIndex(where: { $0.key == key }) else { break }
      launch(queued.remove(at: index))
    case .withdraw(let key): withdrawals.append(key)
    case .end(let key, let cause):
      attempts[key]?.cause = cause
      signals.append((key, .terminate))
    case .kill(let key): signals.append((key, .kill))
    case .close(let ending, let agent):
      closedBy.append(agent)
      committed.remove(ending.key)
      attempts[ending.key]?.outcome = ending.outcome
      closed.append(ending)
    case .update(let change):
      updates.append(change)
      tasks[change.workflow, default: [:]][change.task] = RestoredTask(
        state: change.state, attempts: change.attempts, notBefore: change.notBefore, exitCode: change.exitCode,
        outputs: change.outputs, stdout: change.stdout, startedAt: change.startedAt)
    case .runEnded(let id, let state, let reason): ended[id] = (state, reason)
    case .probe(let agent): probes.append(agent)
    }
  }

  private func launch(_ start: AttemptStart) {
    committed.remove(start.key)
    running[start.key] = start
    launched.append(start.key)
    agentsOfLaunches.append(start.agent)
  }

  /// Answers what was asked to be taken back: what still waits is, what has begun goes on.
  private func answerWithdrawals() {
    let keys = withdrawals
    withdrawals = []
    for key in keys {
      guard let index = queued.firstIndex(where: { $0.key == key }) else { continue }
      queued.remove(at: index)
      tell(.withdrawn(key))
    }
  }

  func advance(_ duration: Duration) {
    now = now.advanced(by: duration)
    tell([])
  }

  func end(
    _ task: String, _ outcome: AttemptOutcome = .exited(0), outputs: [String: String] = [:], stdout: String? = nil
  ) {
    guard let key = running.keys.first(where: { $0.task == task }) else { return }
    end(key, outcome, outputs: outputs, stdout: stdout)
  }

  func end(_ key: AttemptKey, _ outcome: AttemptOutcome, outputs: [String: String] = [:], stdout: String? = nil) {
    running[key] = nil
    var events = [Event.ended(ending(key, outcome, outputs: outputs, stdout: stdout))]
    if isEndOfProcess(outcome), adopted.remove(key) == nil, !queued.isEmpty {
      let next = queued.removeFirst()
      launch(next)
      events.append(.began(next.key))
    }
    tell(events)
  }

  /// What could not start, or was adopted from another launcher, makes this one start nothing.
  private func isEndOfProcess(_ outcome: AttemptOutcome) -> Bool {
    switch outcome {
    case .notStarted, .lost, .performed: false
    case .exited, .signalled, .outOfMemory, .timedOut, .cancelled, .invalidOutput: true
    }
  }

  func ending(_ key: AttemptKey, _ outcome: AttemptOutcome, outputs: [String: String] = [:], stdout: String? = nil)
    -> AttemptEnding
  {
    AttemptEnding(
      key: key, outcome: outcome, startedAt: now.wall, finishedAt: now.wall, duration: .zero, outputs: outputs,
      stdout: stdout)
  }

  var isBusy: Bool { scheduler.isBusy }

  /// Names of the tasks with a process, sorted.
  var runningTasks: [String] { running.keys.map(\.task).sorted() }
  /// The last recorded state of each task.
  var states: [String: TaskState] { Dictionary(updates.map { ($0.task, $0.state) }, uniquingKeysWith: { $1 }) }
  var reasons: [String: String] { Dictionary(updates.map { ($0.task, $0.reason ?? "") }, uniquingKeysWith: { $1 }) }
}

extension AgentPool.Member {
  static func shell(_ id: String = "shell", slots: Int? = nil, capabilities: Set<String> = ["shell"]) -> Self {
    .init(id: id, kind: "command", capabilities: capabilities, maxConcurrent: slots)
  }
}

extension RunSeed {
  static func of(
    _ tasks: [TaskPlan], id: String = "run", user: String = "ann", priority: Int = 0, params: [String: JSONValue] = [:],
    at now: Timestamp = Timestamp(microseconds: 1_764_000_000_000_000),
    _ change: (inout WorkflowPlan) -> Void = { _ in }
  ) -> RunSeed {
    var plan = WorkflowPlan()
    plan.tasks = tasks
    change(&plan)
    return RunSeed(
      id: WorkflowID(unchecked: id), name: "test", user: user, priority: priority, plan: plan, params: params,
      directory: "/home/runs/\(id)/files", since: now)
  }
}

extension RunSeed {
  /// A run of one task `a` whose first attempt a runner that is gone has begun.
  static func underway(
    on agent: String = "shell", since: Int64?, ending: EndingCause? = nil,
    _ change: (inout TaskPlan) -> Void = { _ in }
  ) -> RunSeed {
    var seed = RunSeed.of([.named("a", change)])
    seed.restored = [
      "a": RestoredTask(
        state: .running, attempts: 1, counted: 1, flight: .running(agent: agent, since: since, ending: ending))
    ]
    return seed
  }
}

extension TaskPlan {
  static func named(_ id: String, needs: [Int] = [], _ change: (inout TaskPlan) -> Void = { _ in }) -> TaskPlan {
    var task = TaskPlan(id: id, work: .command([Template("/bin/true")]))
    task.needs = needs
    change(&task)
    return task
  }
}

extension RetryPolicy {
  init(attempts: Int, delay: Duration = .seconds(1), jitter: Bool = true) {
    self.init()
    self.attempts = attempts
    self.delay = delay
    self.jitter = jitter
  }
}
