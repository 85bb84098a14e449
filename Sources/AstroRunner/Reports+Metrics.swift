import AstroConfiguration
import AstroCore
import AstroJournal
import AstroScheduling
import AstroSpool
import AstroTelemetry

extension Reports {
  /// The page as of now. What it says is the home's, not one runner's: read from the journal and the spool, so that it
  /// is the same whoever writes it.
  func metricsPage(_ runner: Runner, _ now: Moment) throws(Failure) -> [UInt8] {
    let record = try runner.journal.read { reading in
      HomeRecord(
        counters: try reading.series(), load: try reading.workload(), agents: try reading.agents(),
        limits: try reading.limitStates(), last: try reading.lastEnded())
    }
    return MetricsText.render(counters: record.counters, gauges: try gauges(record, runner, now))
  }

  /// What the journal says, of one moment.
  private struct HomeRecord {
    var counters: [String: Double]
    var load: Workload
    var agents: [AgentRecord]
    var limits: [LimitState]
    var last: RunRecord?
  }

  private func gauges(
    _ record: HomeRecord, _ runner: Runner, _ now: Moment
  ) throws(Failure) -> [String: Double] {
    var gauges: [String: Double] = [:]
    gauges[MetricFamily.appInfo.series([options.version, swiftVersion, configuration.system.environment.rawValue])] = 1
    gauges[MetricFamily.activeTasks.series()] = Double(record.load.runningTasks)
    gauges[MetricFamily.queuedTasks.series()] = Double(record.load.queuedTasks)
    gauges[MetricFamily.activeWorkflows.series()] = Double(record.load.activeRuns)
    add(record, runner, agents: &gauges)
    gauges[MetricFamily.databaseConnections.series()] = Double(runner.journal.connections)
    gauges[MetricFamily.uptime.series()] = Duration.microseconds(now.boot - startedAt.boot).seconds
    try add(runner.spool.counts(), at: now, to: &gauges)
    for usage in runner.limits.statistics(of: record.limits, bootID: runner.journal.bootID, at: now) {
      gauges[MetricFamily.limitRemaining.series([usage.limiter, usage.key])] = Double(usage.remaining)
    }
    gauges[MetricFamily.lastRun.series()] = record.last?.finishedAt?.secondsSince1970 ?? 0
    gauges[MetricFamily.lastRunSuccess.series()] = record.last?.state.place == .done ? 1 : 0
    gauges[MetricFamily.heartbeat.series()] = now.wall.secondsSince1970
    return gauges
  }

  private func add(_ record: HomeRecord, _ runner: Runner, agents gauges: inout [String: Double]) {
    let known = Dictionary(record.agents.map { ($0.id, AgentPool.Record($0)) }, uniquingKeysWith: { $1 })
    for member in runner.scheduler.agentPool.members {
      let past = known[member.id] ?? .init()
      // A probe that succeeded is not in the journal before the agent's next attempt is.
      let isHealthy = past.isHealthy || runner.scheduler.agentRecord(member.id)?.isHealthy == true
      gauges[MetricFamily.agentHealth.series([member.id])] = isHealthy ? 1 : 0
      gauges[MetricFamily.agentTasksActive.series([member.id])] = Double(record.load.runningByAgent[member.id] ?? 0)
      gauges[MetricFamily.agentReliability.series([member.id])] = past.reliability
    }
  }

  private func add(_ counts: SpoolCounts, at now: Moment, to gauges: inout [String: Double]) {
    gauges[MetricFamily.spoolFiles.series(["waiting"])] = Double(counts.waiting)
    for place in Place.allCases {
      gauges[MetricFamily.spoolFiles.series([place.rawValue])] = Double(counts.settled[place] ?? 0)
    }
    gauges[MetricFamily.spoolOldest.series()] = counts.oldestWaiting.map { max(0, (now.wall - $0).seconds) } ?? 0
  }
}

extension Timestamp {
  fileprivate var secondsSince1970: Double { Double(microseconds) / 1_000_000 }
}

/// The compiler this was built with, for `astro_app_info`.
let swiftVersion: String = {
  #if swift(>=6.3)
    "6.3"
  #elseif swift(>=6.2)
    "6.2"
  #else
    "6.1"
  #endif
}()
