public import AstroConfiguration
public import AstroCore
public import AstroJournal
import AstroScheduling
import AstroSpool
import AstroTelemetry

/// The gauges of one metrics page, gathered from whoever knows them.
struct MetricGauges {
  private(set) var values: [String: Double] = [:]
  private let running: [AttemptRecord]

  /// What the journal knows.
  init(from journal: Reading) throws(Failure) {
    running = try journal.runningAttempts()
    values[MetricFamily.activeTasks.series()] = Double(running.count)
    values[MetricFamily.activeWorkflows.series()] = Double(try journal.active().count)
    let last = try journal.lastEnded()
    values[MetricFamily.lastRun.series()] = last?.finishedAt.map(Self.seconds) ?? 0
    values[MetricFamily.lastRunSuccess.series()] = last.map { $0.state == .failed ? 0 : 1 } ?? 0
  }

  mutating func add(version: String, environment: SystemConfiguration.Environment) {
    values[MetricFamily.appInfo.series([version, swiftVersion, environment.rawValue])] = 1
  }

  mutating func add(agent id: String, _ record: AgentPool.Record) {
    values[MetricFamily.agentHealth.series([id])] = record.isHealthy ? 1 : 0
    values[MetricFamily.agentTasksActive.series([id])] = Double(running.count { $0.agent == id })
    values[MetricFamily.agentReliability.series([id])] = record.reliability
  }

  mutating func add(spool counts: SpoolCounts, at now: Timestamp) {
    values[MetricFamily.spoolFiles.series(["waiting"])] = Double(counts.waiting)
    for place in Place.allCases {
      values[MetricFamily.spoolFiles.series([place.rawValue])] = Double(counts.settled[place] ?? 0)
    }
    values[MetricFamily.spoolOldest.series()] = counts.oldestWaiting.map { max(0, (now - $0).seconds) } ?? 0
  }

  mutating func add(limits: [RateLimitStatistics]) {
    for usage in limits {
      values[MetricFamily.limitRemaining.series([usage.limiter, usage.key])] = Double(usage.remaining)
    }
  }

  /// What only a runner knows.
  mutating func addRunner(queuedTasks: Int, uptime: Duration) {
    values[MetricFamily.queuedTasks.series()] = Double(queuedTasks)
    values[MetricFamily.databaseConnections.series()] = 1
    values[MetricFamily.uptime.series()] = uptime.seconds
  }

  mutating func addHeartbeat(_ now: Timestamp) {
    values[MetricFamily.heartbeat.series()] = Self.seconds(now)
  }

  private static func seconds(_ time: Timestamp) -> Double { Double(time.microseconds) / 1_000_000 }
}

/// A metrics page without a runner: for a home whose metrics file is missing.
public enum MetricsPage {
  /// The counters and everything else the journal and the spool tell. What only a runner knows is 0: its uptime, its
  /// heartbeat, and the tasks that wait for a slot inside it.
  public static func render(
    _ site: Home, _ configuration: Configuration, journal: Reading, version: String, bootID: String,
    clock: any AstroCore.Clock
  ) throws(Failure) -> [UInt8] {
    let now = clock.now()
    var gauges = try MetricGauges(from: journal)
    gauges.add(version: version, environment: configuration.system.environment)
    let known = Dictionary(try journal.agents().map { ($0.id, AgentPool.Record($0)) }, uniquingKeysWith: { $1 })
    for agent in configuration.agents { gauges.add(agent: agent.id, known[agent.id] ?? .init()) }
    let spool = try Spool(directory: site.spool, rules: SpoolRules(), clock: clock)
    gauges.add(spool: try spool.counts(), at: now.wall)
    gauges.add(
      limits: RateLimits(configured: configuration.system.limits)
        .statistics(of: try journal.limitStates(), bootID: bootID, at: now))
    return MetricsText.render(counters: try journal.series(), gauges: gauges.values)
  }
}
