public import AstroConfiguration
public import AstroCore
public import AstroJournal
import AstroScheduling
import AstroSpool
import AstroTelemetry

/// The gauges of one metrics page, gathered from whoever knows them.
struct MetricGauges {
  private(set) var values: [String: Double] = [:]
  private let load: Workload
  private let agents: [String: AgentPool.Record]

  /// What the journal knows.
  init(from journal: Reading) throws(Failure) {
    load = try journal.workload()
    agents = Dictionary(try journal.agents().map { ($0.id, AgentPool.Record($0)) }, uniquingKeysWith: { $1 })
    values[MetricFamily.activeTasks.series()] = Double(load.runningTasks)
    values[MetricFamily.queuedTasks.series()] = Double(load.queuedTasks)
    values[MetricFamily.activeWorkflows.series()] = Double(load.activeRuns)
    let last = try journal.lastEnded()
    values[MetricFamily.lastRun.series()] = last?.finishedAt.map(Self.seconds) ?? 0
    values[MetricFamily.lastRunSuccess.series()] = last?.state.place == .done ? 1 : 0
  }

  mutating func add(version: String, environment: SystemConfiguration.Environment) {
    values[MetricFamily.appInfo.series([version, swiftVersion, environment.rawValue])] = 1
  }

  /// - Parameter isHealthyHere: whether a runner knows it to be healthy: a probe that succeeded is not in the journal
  ///   before the agent's next attempt is.
  mutating func add(agent id: String, isHealthyHere: Bool = false) {
    let record = agents[id] ?? .init()
    values[MetricFamily.agentHealth.series([id])] = record.isHealthy || isHealthyHere ? 1 : 0
    values[MetricFamily.agentTasksActive.series([id])] = Double(load.runningByAgent[id] ?? 0)
    values[MetricFamily.agentReliability.series([id])] = record.reliability
  }

  mutating func add(spool counts: SpoolCounts, at now: Timestamp) {
    values[MetricFamily.spoolFiles.series(["waiting"])] = Double(counts.waiting)
    for place in Place.allCases {
      values[MetricFamily.spoolFiles.series([place.rawValue])] = Double(counts.settled[place] ?? 0)
    }
    values[MetricFamily.spoolOldest.series()] = counts.oldestWaiting.map { max(0, (now - $0).seconds) } ?? 0
  }

  mutating func add(parked: [String: Int]) {
    for (limiter, count) in parked { values[MetricFamily.parkedTasks.series([limiter])] = Double(count) }
  }

  mutating func add(limits: [RateLimitStatistics]) {
    for usage in limits {
      values[MetricFamily.limitRemaining.series([usage.limiter, usage.key])] = usage.remaining.map { Double($0) }
    }
  }

  mutating func add(connections: Int) {
    values[MetricFamily.databaseConnections.series()] = Double(connections)
  }

  /// What only a runner knows.
  mutating func addRunner(uptime: Duration, heartbeat: Timestamp) {
    values[MetricFamily.uptime.series()] = uptime.seconds
    values[MetricFamily.heartbeat.series()] = Self.seconds(heartbeat)
  }

  private static func seconds(_ time: Timestamp) -> Double { Double(time.microseconds) / 1_000_000 }
}

/// A metrics page without a runner: for a home whose metrics file is missing.
public enum MetricsPage {
  /// The counters and everything else the journal and the spool tell. What only a runner knows is 0: its uptime and its
  /// heartbeat.
  public static func render(
    _ site: Home, _ configuration: Configuration, journal: Reading, version: String, bootID: String,
    clock: any AstroCore.Clock
  ) throws(Failure) -> [UInt8] {
    let now = clock.now()
    var gauges = try MetricGauges(from: journal)
    gauges.add(version: version, environment: configuration.system.environment)
    for agent in configuration.agents { gauges.add(agent: agent.id) }
    let spool = try Spool(directory: site.spool, rules: SpoolRules(), clock: clock)
    gauges.add(spool: try spool.counts(), at: now.wall)
    gauges.add(
      limits: RateLimits(configured: configuration.limiters(at: now.wall))
        .statistics(of: try journal.limitStates(), bootID: bootID, at: now))
    return MetricsText.render(counters: try journal.series(), gauges: gauges.values)
  }
}
