public import AstroConfiguration
import AstroCore
import AstroJournal
import AstroLimits
import AstroScheduling

/// What would become of a workflow: its tasks level by level, who could take them, and the least time the limits and
/// slots allow. Nothing is charged, nothing is recorded.
public struct PlanReport: Sendable {
  public let workflow: CheckedWorkflow
  /// Positions in the plan's tasks. Those of one level need nothing of each other; each needs one of the level before.
  public let levels: [[Int]]
  /// The configured agents that could take each task, by its position.
  public let agents: [[String]]
  public let waits: [LimitWait]
  public let rounds: Rounds
  public let forecast: CallForecast

  /// What one limit costs a run of this size, beginning with an empty window.
  public struct LimitWait: Sendable, Equatable {
    public let limiter: String
    public let requests: Int
    /// `nil` is unlimited.
    public let maxRequests: Int64?
    public let window: Duration
    /// From the first grant to the last; `nil` when the limit grants nothing at all.
    public let wait: Duration?
  }

  /// How many times tasks have to follow each other, whatever they take.
  public struct Rounds: Sendable, Equatable {
    /// The number of levels.
    public let longestChain: Int
    /// Tasks that may run at once.
    public let parallel: Int
    /// At least so many rounds: the chain, the tasks by the parallel ones, or those of one agent by its slots.
    public let least: Int
  }

  /// The longest of ``waits``; `nil` when some limit never lets the run through.
  public var shortest: Duration? {
    var longest = Duration.zero
    for wait in waits {
      guard let time = wait.wait else { return nil }
      longest = max(longest, time)
    }
    return longest
  }

  /// Whether the workflow's own deadline comes before the limits can have let all its tasks start.
  public var isDeadlineTooShort: Bool {
    guard let deadline = workflow.plan.deadline else { return false }
    return shortest.map { $0 > deadline } ?? true
  }

  /// - Parameter performers: the agents that make calls, to be asked what these can take; see ``init(_:_:home:environment:)``.
  init(
    _ workflow: CheckedWorkflow, _ configuration: Configuration, performers: [String: any Performer] = [:],
    runs: String = ""
  ) {
    self.workflow = workflow
    let tasks = workflow.plan.tasks
    let examiner = Examiner(configuration)
    levels = Self.levels(of: tasks)
    var known: [AgentRequest: [String]] = [:]
    var performed: Set<AgentRequest> = []
    for task in tasks where known[task.agent] == nil {
      let takers = examiner.agents(for: task.agent)
      known[task.agent] = takers.map(\.id)
      if !takers.isEmpty, takers.allSatisfy(\.isPerformer) { performed.insert(task.agent) }
    }
    agents = tasks.map { known[$0.agent] ?? [] }
    // A task of an agent makes one request at least; that of a batch file makes all of them.
    let requests = workflow.plan.requests ?? 1
    let limits = configuration.system.limits
    var own = [(LimiterName.workflowCreation, 1), (LimiterName.taskSubmission, tasks.count)]
    let calls = tasks.count { performed.contains($0.agent) } * requests
    if calls > 0 { own.append((LimiterName.apiCalls, calls)) }
    waits =
      own.map { limiter, requests in Self.wait(limiter, requests, limits[limiter] ?? .unlimited) }
      + Self.namedWaits(tasks, agents, requests, configuration)
    forecast = CallForecast(workflow, performers, agents: agents, runs: runs)
    rounds = Self.rounds(levels, agents, configuration)
  }

  public init(
    _ workflow: CheckedWorkflow, _ configuration: Configuration, home: Home, environment: [String: String]
  ) {
    let clock = SystemClock()
    let tools = configuration.toolHost(home: home, environment: environment, executable: "", clock: clock)
    self.init(
      workflow, configuration,
      performers: configuration.performers(home: home, environment: environment, clock: clock, tools: tools),
      runs: home.runs)
  }

  /// The rates of named limits, each task making so many requests: what its own and its only agent's limits are.
  private static func namedWaits(
    _ tasks: [TaskPlan], _ agents: [[String]], _ each: Int, _ configuration: Configuration
  ) -> [LimitWait] {
    let ofAgents = Dictionary(configuration.agents.map { ($0.id, $0.limits) }, uniquingKeysWith: { first, _ in first })
    var requests: [String: Int] = [:]
    for (position, task) in tasks.enumerated() {
      let shared = agents[position].count == 1 ? ofAgents[agents[position][0]] ?? [] : []
      for name in Set(task.limits + shared) { requests[name, default: 0] += each }
    }
    return configuration.limits.compactMap { limit in
      guard let rate = limit.bounds.rate, let count = requests[limit.name] else { return nil }
      return wait(limit.name, count, .window(RateWindow(rate)))
    }
  }

  /// By the longest way from a task without needs. Tasks may stand in any order in the file.
  private static func levels(of tasks: [TaskPlan]) -> [[Int]] {
    var missing = tasks.map(\.needs.count)
    var dependents = [[Int]](repeating: [], count: tasks.count)
    for (position, task) in tasks.enumerated() { for need in task.needs { dependents[need].append(position) } }
    var levels: [[Int]] = []
    var level = tasks.indices.filter { missing[$0] == 0 }
    while !level.isEmpty {
      levels.append(level)
      var next: [Int] = []
      for position in level {
        for dependent in dependents[position] {
          missing[dependent] -= 1
          if missing[dependent] == 0 { next.append(dependent) }
        }
      }
      level = next.sorted()
    }
    return levels
  }

  /// Of `n` requests the first `max` go at once, the next `max` a window later, and so on.
  private static func wait(_ limiter: String, _ requests: Int, _ limit: RateLimits.Limit) -> LimitWait {
    switch limit {
    case .unlimited:
      return LimitWait(limiter: limiter, requests: requests, maxRequests: nil, window: .zero, wait: .zero)
    case .window(let window):
      let most = window.maxRequests
      let windows = most > 0 ? (Int64(requests) - 1) / most : nil
      return LimitWait(
        limiter: limiter, requests: requests, maxRequests: most, window: window.window,
        wait: windows.map { window.window * Int($0) })
    }
  }

  private static func rounds(_ levels: [[Int]], _ agents: [[String]], _ configuration: Configuration) -> Rounds {
    let parallel = Runner.policy(configuration).parallel
    var least = max(levels.count, roundedUp(agents.count, by: parallel))
    // Tasks that only one agent can take queue for its slots, however many may run at once.
    let single = Dictionary(grouping: agents.filter { $0.count == 1 }.compactMap(\.first), by: { $0 })
    for agent in configuration.agents {
      guard let slots = agent.maxConcurrent, slots > 0, let tasks = single[agent.id]?.count else { continue }
      least = max(least, roundedUp(tasks, by: slots))
    }
    return Rounds(longestChain: levels.count, parallel: parallel, least: least)
  }

  private static func roundedUp(_ number: Int, by size: Int) -> Int { (number + size - 1) / max(1, size) }
}
