import AstroConfiguration
import AstroCore
import AstroJournal
import AstroScheduling
import AstroSpool
import AstroTelemetry
import Glibc
import Logging

/// The two files others read: metrics and health. Written at their intervals, the health also at every change of state.
/// One that cannot be written is logged once and tried again; work goes on without it.
final class Reports {
  private let home: Home
  /// As reloaded last.
  var configuration: Configuration
  private let options: Runner.Options
  private let startedAt: Moment
  private var nextMetrics: Int64 = 0
  private var nextHealth: Int64 = 0
  private var nextQueries: Int64 = 0
  private var lastStatus: HealthReport.Status?
  private var lastState: State?
  private var lastRun: HealthReport.LastRun?
  private var complained: Set<String> = []
  /// Held by a watcher: a pass of cron beside it leaves the health file to it.
  private var duty: HealthDuty?

  /// What changes between two intervals and is cheap to look at in every turn.
  private struct State: Equatable {
    var phase: HealthReport.Phase
    var unhealthyAgents: [String]

    init(_ runner: Runner, _ phase: HealthReport.Phase) {
      self.phase = phase
      let pool = runner.scheduler.agentPool
      unhealthyAgents = pool.members.map(\.id).filter { pool.record(of: $0)?.isHealthy == false }
    }
  }

  init(home: Home, configuration: Configuration, options: Runner.Options, startedAt: Moment) {
    self.home = home
    self.configuration = configuration
    self.options = options
    self.startedAt = startedAt
  }

  var nextDue: Int64? { min(nextMetrics, nextHealth) }

  func noteEnd(of run: RunRecord) {
    lastRun = .init(workflow: run.id, state: run.state, finishedAt: run.finishedAt ?? run.claimedAt)
  }

  func begin(_ runner: Runner) {
    duty = HealthDuty(path: home.data + "/health.lock")
    writeHealth(runner, .starting)
  }

  /// Writes what is due, and the health at once when the state changed: who waits for `ready` must not wait for an
  /// interval.
  func update(_ runner: Runner, now: Moment) {
    if now.boot >= nextMetrics { writeMetrics(runner, now) }
    let phase: HealthReport.Phase = runner.stopping == .no ? .running : .stopping
    if now.boot >= nextHealth || lastState != State(runner, phase) { writeHealth(runner, phase) }
  }

  func end(_ runner: Runner) {
    writeMetrics(runner, runner.clock.now())
    writeHealth(runner, options.mode == .watch ? .stopping : .idle)
  }

  // MARK: Metrics

  private func writeMetrics(_ runner: Runner, _ now: Moment) {
    nextMetrics = now.boot + configuration.system.metricsInterval.microseconds
    guard configuration.system.metricsEnabled else { return }
    attempt("metrics", runner) { () throws(Failure) in
      let counters = try runner.journal.read { try $0.series() }
      let page = MetricsText.render(counters: counters, gauges: try gauges(runner, now))
      makeParent(of: home.metrics, mode: 0o755)
      try AtomicFile.replace(home.metrics, with: page)
    }
  }

  private func gauges(_ runner: Runner, _ now: Moment) throws(Failure) -> [String: Double] {
    var gauges = try runner.journal.read { try MetricGauges(from: $0) }
    gauges.add(version: options.version, environment: configuration.system.environment)
    for member in runner.scheduler.agentPool.members {
      gauges.add(agent: member.id, runner.scheduler.agentRecord(member.id) ?? .init())
    }
    gauges.add(spool: try runner.spool.counts(), at: now.wall)
    gauges.add(limits: try runner.limits.statistics(on: runner.journal))
    gauges.addRunner(queuedTasks: runner.scheduler.queuedTasks, uptime: .microseconds(now.boot - startedAt.boot))
    gauges.addHeartbeat(now.wall)
    return gauges.values
  }

  /// Adds what the journal did to the counters that are committed with it, once a second: they are some forty rows, more
  /// than all else in the commit of one ended task.
  /// - Parameter now: `nil` for the last time.
  func countQueries(of journal: Journal, into deltas: inout SeriesDeltas, at now: Moment?) {
    if let now {
      guard now.boot >= nextQueries else { return }
      nextQueries = now.boot + 1_000_000
    }
    for (operation, seen) in journal.takeQueryStatistics().queries {
      deltas.increment(.databaseQueries, [operation.rawValue], by: Double(seen.count))
      deltas.observe(.databaseQueryDuration, [operation.rawValue], binned: seen.buckets, sum: seen.seconds)
    }
  }

  // MARK: Health

  private func writeHealth(_ runner: Runner, _ phase: HealthReport.Phase) {
    let now = runner.clock.now()
    nextHealth = now.boot + configuration.system.healthCheckInterval.microseconds
    lastState = State(runner, phase)
    guard duty?.isOurs == true else { return }
    let report = HealthReport(
      mode: options.mode == .watch ? .watch : .drain, phase: phase, checks: checks(runner, now),
      agentCount: runner.scheduler.agentPool.members.count,
      uptime: .microseconds(now.boot - startedAt.boot), timestamp: now.wall,
      nextUpdateBy: now.wall + patience(phase), processID: getpid(), version: options.version,
      lastRun: lastRun ?? formerRun(runner))
    attempt("health", runner) { () throws(Failure) in
      makeParent(of: home.health, mode: 0o755)
      try AtomicFile.replace(home.health, with: report.json())
    }
    if let lastStatus, lastStatus != report.status {
      runner.log.info(
        "Health changed", metadata: ["status": .string(report.status.rawValue), "former": .string(lastStatus.rawValue)])
    }
    lastStatus = report.status
  }

  /// A watcher writes again within two intervals. A pass of cron does not know when the next comes: a day is given.
  private func patience(_ phase: HealthReport.Phase) -> Duration {
    phase == .idle ? .seconds(86_400) : configuration.system.healthCheckInterval * 2
  }

  private func formerRun(_ runner: Runner) -> HealthReport.LastRun? {
    guard let run = try? runner.journal.read({ try $0.lastEnded() }) else { return nil }
    return .init(workflow: run.id, state: run.state, finishedAt: run.finishedAt ?? run.claimedAt)
  }

  private func checks(_ runner: Runner, _ now: Moment) -> HealthChecks {
    var failure: Failure?
    var active = 0
    let before = runner.clock.now().boot
    do throws(Failure) { active = try runner.journal.read { try $0.runningAttempts() }.count } catch { failure = error }
    let elapsed = Duration.microseconds(runner.clock.now().boot - before)
    let pool = runner.scheduler.agentPool
    var statuses: [String: AgentStatus] = [:]
    for member in pool.members {
      let healthy = pool.record(of: member.id)?.isHealthy ?? true
      statuses[member.id] = !healthy ? .unhealthy : pool.running(on: member.id) > 0 ? .active : .idle
    }
    return HealthChecks(
      database: .database(
        responseTime: elapsed, failure: failure, at: now.wall, details: ["path": .string(runner.journal.path)]),
      agents: .agents(statuses, activeTasks: active, at: now.wall),
      docker: .notNeeded("No agent needs a sandbox engine", at: now.wall),
      spool: spoolCheck(runner, now), disk: diskCheck(now))
  }

  private func spoolCheck(_ runner: Runner, _ now: Moment) -> HealthCheck {
    let path = JSONValue.string(runner.spool.directory)
    switch runner.spool.integrity() {
    case .intact: break
    case .replaced, .missing, .unreachable:
      return HealthCheck(.unhealthy, "The spool is missing or was replaced", at: now.wall, details: ["path": path])
    }
    guard access(runner.spool.directory, W_OK | X_OK) == 0 else {
      return HealthCheck(.unhealthy, "The spool cannot be written to", at: now.wall, details: ["path": path])
    }
    if options.mode == .watch, case .polling(let reason) = runner.spool.watch.mode {
      return HealthCheck(
        .degraded, "The spool is polled, not watched: \(reason)", at: now.wall, details: ["path": path])
    }
    return HealthCheck(
      .healthy, "The spool is writable", at: now.wall,
      details: ["path": path, "waiting": .integer(Int64((try? runner.spool.counts())?.waiting ?? 0))])
  }

  private func diskCheck(_ now: Moment) -> HealthCheck {
    guard let disk = Machine.disk(home.data) else {
      return HealthCheck(.unhealthy, "The disk of the data directory cannot be asked", at: now.wall)
    }
    let details: [String: JSONValue] = [
      "free_bytes": .integer(disk.freeBytes), "total_bytes": .integer(disk.totalBytes),
      "free_inodes": .integer(disk.freeInodes),
    ]
    return switch disk.room {
    case .ample: HealthCheck(.healthy, "The disk has room", at: now.wall, details: details)
    case .scarce: HealthCheck(.degraded, "The disk is nearly full", at: now.wall, details: details)
    case .none: HealthCheck(.unhealthy, "The disk is full", at: now.wall, details: details)
    }
  }

  private func attempt(_ what: String, _ runner: Runner, _ body: () throws(Failure) -> Void) {
    do throws(Failure) {
      try body()
      complained.remove(what)
    } catch {
      if complained.insert(what).inserted {
        runner.log.error("Report cannot be written", error: error, metadata: ["report": .string(what)])
        runner.deltas.increment(.errors, ["report"])
      }
    }
  }

  private func makeParent(of path: String, mode: mode_t) {
    guard let slash = path.lastIndex(of: "/") else { return }
    mkdir(String(path[..<slash]), mode)
  }
}

/// Which of several runners writes the health file: whoever holds this lock first, until its process ends.
private final class HealthDuty {
  private let descriptor: Int32
  let isOurs: Bool

  init(path: String) {
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    isOurs = descriptor >= 0 && flock(descriptor, LOCK_EX | LOCK_NB) == 0
  }

  deinit { if descriptor >= 0 { close(descriptor) } }
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
