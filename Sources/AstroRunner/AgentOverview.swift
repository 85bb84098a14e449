import AstroAgents
public import AstroConfiguration
public import AstroCore
public import AstroJournal
import AstroScheduling
public import AstroTelemetry

/// What is known of the configured agents without a runner: their configuration, and what the journal remembers.
public struct AgentOverview {
  public struct Row: Sendable, Equatable {
    public var id: String
    public var kind: String
    public var capabilities: [String]
    public var status: AgentStatus
    public var running: Int
    /// `nil` is unbounded.
    public var maxConcurrent: Int?
    public var reliability: Double
    public var lastError: String?
  }

  /// In the order of the configuration.
  public let rows: [Row]

  public init(_ configuration: Configuration, in journal: Reading) throws(Failure) {
    self.init(
      configuration, records: try journal.agents(), running: try journal.runningAttempts(),
      spent: try journal.spentKeys())
  }

  /// A home where nothing has run yet.
  public init(_ configuration: Configuration) { self.init(configuration, records: [], running: [], spent: []) }

  private init(
    _ configuration: Configuration, records: [AgentRecord], running attempts: [AttemptRecord], spent: [SpentKey]
  ) {
    let spent = Dictionary(spent.map { ($0.account, $0) }, uniquingKeysWith: { $1 })
    let known = Dictionary(records.map { ($0.id, AgentPool.Record($0)) }, uniquingKeysWith: { $1 })
    rows = configuration.agents.map { agent in
      let record = known[agent.id] ?? AgentPool.Record()
      let running = attempts.count { $0.agent == agent.id }
      let spentKey = agent.account.flatMap { spent[$0] }
      return Row(
        id: agent.id, kind: agent.kind.rawValue, capabilities: agent.capabilities,
        status: record.isHealthy && spentKey == nil ? (running > 0 ? .active : .idle) : .unhealthy, running: running,
        maxConcurrent: agent.maxConcurrent, reliability: record.reliability,
        lastError: spentKey.map(\.sentence) ?? record.lastError)
    }
  }

  /// Asks every agent now whether it can take work, and records the answers in one commit: a healthy one clears the
  /// failures, so that work is given to it again; an unhealthy one is set aside until a runner's own probe succeeds.
  ///
  /// Ring the ``Bell`` afterwards: a runner remembers the health of its agents itself and asks again when it hears it.
  /// - Parameter executable: this program, whose hidden verbs agents use.
  public static func probe(
    _ configuration: Configuration, home: Home, environment: [String: String], executable: String,
    clock: any AstroCore.Clock, recordIn journal: Journal
  ) throws(Failure) {
    let tools = configuration.toolHost(home: home, environment: environment, executable: executable, clock: clock)
    let performers = configuration.performers(home: home, environment: environment, clock: clock, tools: tools)
    let programs = configuration.programs(home: home, environment: environment, executable: executable, clock: clock)
    let answers = answers(of: performers)
    let problems = configuration.agents.map { agent -> (String, String?) in
      if performers[agent.id] != nil { return (agent.id, answers[agent.id] ?? silence) }
      return (agent.id, (programs[agent.id] as? CodeAgent).map { $0.look().problem } ?? CommandAgent.problem)
    }
    try journal.commit { transaction in
      let known = Dictionary(try transaction.reading.agents().map { ($0.id, $0) }, uniquingKeysWith: { $1 })
      for (id, problem) in problems {
        var record = known[id] ?? AgentRecord(id: id)
        record.infrastructureFailures =
          problem == nil ? 0 : max(record.infrastructureFailures, AgentPool.Record.illAfter)
        record.lastError = problem
        try transaction.put(agent: record)
        // Whoever asks now has paid, or finds out with the next call.
        if problem == nil, let account = configuration.agent(id)?.account { try transaction.forgetSpentKey(account) }
      }
    }
  }

  /// How long agents may take to say how they are.
  private static let patience = Duration.seconds(10)
  private static let silence: String? = "does not say whether it works within \(Notation.spell(patience))"

  /// What is wrong with each, asked all at once; those that do not answer in time are left out.
  private static func answers(of performers: [String: any Performer]) -> [String: String?] {
    let clock = SystemClock()
    let performances = Performances(clock: clock)
    for (id, performer) in performers { performances.probe(id) { await performer.probe() } }
    let until = clock.now().boot + patience.microseconds
    var answers: [String: String?] = [:]
    while answers.count < performers.count, clock.now().boot < until {
      var poller = Poller()
      poller.watch(performances.descriptor)
      poller.wait(atMost: until - clock.now().boot)
      for case .probed(let agent, let problem) in performances.take() { answers.updateValue(problem, forKey: agent) }
    }
    return answers
  }
}

extension SpentKey {
  /// For people.
  fileprivate var sentence: String { "its key is used up, tried again at \(until.rfc3339): \(reason)" }
}
