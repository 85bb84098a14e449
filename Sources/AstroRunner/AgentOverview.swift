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
    let answers = AgentExamination(
      configuration, home: home, environment: environment, executable: executable, clock: clock
    ).answers
    try journal.commit { transaction in
      let known = Dictionary(try transaction.reading.agents().map { ($0.id, $0) }, uniquingKeysWith: { $1 })
      for answer in answers {
        var record = known[answer.id] ?? AgentRecord(id: answer.id)
        record.infrastructureFailures =
          answer.problem == nil ? 0 : max(record.infrastructureFailures, AgentPool.Record.illAfter)
        record.lastError = answer.problem
        try transaction.put(agent: record)
        // Whoever asks now has paid, or finds out with the next call.
        if answer.problem == nil, let account = configuration.agent(answer.id)?.account {
          try transaction.forgetSpentKey(account, waitingBecause: Scheduler.reason(of: LimiterName.quota))
        }
      }
    }
  }
}

extension SpentKey {
  /// For people.
  fileprivate var sentence: String { "its key is used up, tried again at \(until.rfc3339): \(reason)" }
}
