public import AstroCore
import AstroJournal

/// Why the tasks of a run do not run, and when each could start at the earliest; of a run that has ended, how. Pure: drawn
/// from a ``RunSituation``, which holds the time too.
public struct Explanation: Sendable, Equatable {
  public var run: WorkflowID
  public var state: RunState
  /// What holds for the whole run.
  public var causes: [Cause] = []
  /// Those that are not over, in the order of the plan.
  public var tasks: [Task] = []
  public var tasksOver = 0
  public var ending: Ending?
  public var now: Timestamp

  /// One thing that stands between a task, or a whole run, and its start.
  public enum Cause: Sendable, Equatable {
    case running(attempt: Int, agent: String, since: Timestamp)
    case need(String, TaskState)
    /// The pause before the next attempt. `number` counts as `retry.attempts` does.
    case backoff(number: Int, of: Int, until: Timestamp, reason: String?)
    /// Of places among those that may run at a time nobody knows when one comes free.
    case limit(LimitVerdict, opensAt: Timestamp?)
    /// The same of one that binds this task alone, by its name: too little of it is left for what the task asks.
    case ownLimit(String, until: Timestamp)
    /// An equal task is under way, whose result will do.
    case equalTask
    /// Every agent that could take the task is full or ill.
    case agents([Agent])
    /// No agent that is configured could ever take it.
    case noAgent(AgentRequest)
    case parallel(running: Int, most: Int)
    /// By somebody, or by a budget for the reason given.
    case held(WorkflowID, reason: String?)
    case cancelling
    case deadline(Timestamp)
    /// Its runner is gone, and nobody is there to take it over.
    case noRunner
    /// Another runner is at work and adopts it within a rescan.
    case betweenRunners
    /// Nothing that is known: its runner takes it next.
    case next
  }

  public enum Agent: Sendable, Equatable {
    case full(id: String, running: Int, slots: Int)
    case unhealthy(id: String, error: String?, probeAt: Timestamp?)
  }

  public enum Earliest: Sendable, Equatable {
    case runs
    case at(Timestamp)
    /// It depends on something whose end nobody knows.
    case unknown
  }

  public struct Task: Sendable, Equatable {
    public var id: String
    public var state: TaskState
    public var causes: [Cause]
    public var earliest: Earliest
    /// Why it ended as it did.
    public var reason: String?
  }

  public struct Ending: Sendable, Equatable {
    public var reason: String?
    public var finishedAt: Timestamp?
    public var failure: FailedTask?
    /// Of a file that was rejected.
    public var errors: [Diagnostic] = []
  }

  /// The task whose failure came first.
  public struct FailedTask: Sendable, Equatable {
    public var id: String
    public var state: TaskState
    public var reason: String?
    /// Its last attempt; 0 when there was none.
    public var attempt: Int
  }

  public init(_ situation: RunSituation) {
    run = situation.run.id
    state = situation.run.state
    now = situation.now
    let states = situation.tasks.mapValues(\.state)
    tasksOver = situation.plan.tasks.count { states[$0.id]?.isTerminal == true }
    guard !state.isTerminal else {
      ending = Ending(situation)
      for task in situation.plan.tasks where situation.isAskedAlone(task.id) {
        let record = situation.tasks[task.id]
        tasks = [
          Task(id: task.id, state: record?.state ?? .pending, causes: [], earliest: .runs, reason: record?.reason)
        ]
      }
      return
    }
    causes = Self.causes(of: situation)
    let isBlocked = causes.contains(where: \.isOfWholeRun)
    for task in situation.plan.tasks where situation.isAsked(task.id) && states[task.id]?.isTerminal != true {
      var own = situation.causes(of: task)
      if isBlocked, own == [.next] { own = [] }
      tasks.append(
        Task(
          id: task.id, state: states[task.id] ?? .pending, causes: own,
          earliest: Self.earliest(own, of: causes, now: now)))
    }
  }

  private static func causes(of situation: RunSituation) -> [Cause] {
    var causes: [Cause] = []
    switch situation.presence {
    case .working: break
    case .succession: causes.append(.betweenRunners)
    case .absent: causes.append(.noRunner)
    }
    if situation.run.state == .held { causes.append(.held(situation.run.id, reason: situation.run.reason)) }
    if situation.run.isCancelRequested { causes.append(.cancelling) }
    if let deadline = situation.plan.deadline { causes.append(.deadline(situation.run.livesSince + deadline)) }
    return causes
  }

  /// The latest of the known times; unknown as soon as one is. Nobody knows when a runner that is missing comes, but it has to
  /// wait for those times too.
  private static func earliest(_ own: [Cause], of run: [Cause], now: Timestamp) -> Earliest {
    var latest = now
    for cause in own {
      switch cause {
      case .running: return .runs
      case .backoff(_, _, let until, _): latest = max(latest, until)
      case .ownLimit(_, let until): latest = max(latest, until)
      case .limit(_, let opensAt?): latest = max(latest, opensAt)
      case .agents(let agents):
        guard let probe = firstProbe(agents) else { return .unknown }
        latest = max(latest, probe)
      case .need, .limit(_, nil), .equalTask, .noAgent, .parallel, .held, .cancelling, .noRunner, .betweenRunners:
        return .unknown
      case .deadline, .next: break
      }
    }
    if run.contains(where: \.isDecidedBySomebody) { return .unknown }
    return latest > now || !run.contains(where: \.isOfWholeRun) ? .at(latest) : .unknown
  }

  /// When all are ill, the first probe that may find one well; a full one may come free at any time.
  private static func firstProbe(_ agents: [Agent]) -> Timestamp? {
    var first: Timestamp?
    for agent in agents {
      guard case .unhealthy(_, _, let probe?) = agent else { return nil }
      first = min(first ?? probe, probe)
    }
    return first
  }
}

extension Explanation.Cause {
  /// Whether it keeps all tasks of a run from starting.
  fileprivate var isOfWholeRun: Bool { self == .noRunner || self == .betweenRunners || isDecidedBySomebody }

  fileprivate var isDecidedBySomebody: Bool {
    switch self {
    case .held, .cancelling: true
    case .running, .need, .backoff, .limit, .ownLimit, .equalTask, .agents, .noAgent, .parallel, .deadline, .noRunner,
      .betweenRunners, .next:
      false
    }
  }
}

extension Explanation.Ending {
  fileprivate init(_ situation: RunSituation) {
    reason = situation.run.reason
    finishedAt = situation.run.finishedAt
    errors = situation.run.errors
    let tolerated = Set(situation.plan.tasks.filter(\.continueOnError).map(\.id))
    let failed = situation.tasks.values.filter {
      switch $0.state {
      case .failed, .timedOut, .lost: true
      case .pending, .waiting, .running, .succeeded, .cancelled, .skipped, .upstreamFailed: false
      }
    }
    // One that the workflow tolerates did not decide how the run ended, unless there is no other.
    let first = failed.min {
      let (a, b) = (tolerated.contains($0.task), tolerated.contains($1.task))
      if a != b { return b }
      return ($0.finishedAt?.microseconds ?? .max, $0.task) < ($1.finishedAt?.microseconds ?? .max, $1.task)
    }
    failure = first.flatMap { situation.isAsked($0.task) ? $0 : nil }.map {
      .init(id: $0.task, state: $0.state, reason: $0.reason, attempt: $0.attempts)
    }
  }
}
