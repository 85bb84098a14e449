import AstroAgents
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroScheduling
import AstroTelemetry
import Glibc
import Logging

/// The two files others read: metrics and health. Written at their intervals, the health also at every change of state.
/// One that cannot be written is logged once and tried again; work goes on without it.
final class Reports {
  let home: Home
  /// As reloaded last.
  var configuration: Configuration
  let options: Runner.Options
  let startedAt: Moment
  private var nextMetrics: Int64 = 0
  private var nextHealth: Int64 = 0
  private var nextQueries: Int64 = 0
  /// What the health file was last written for: it is written again when this changes.
  private var shown: Shown?
  private var lastStatus: HealthReport.Status?
  private var complained: Set<String> = []
  private var duty: ReportDuty?

  private struct Shown: Equatable {
    var phase: HealthReport.Phase
    var unhealthyAgents: [String]
    var stuckFiles: Int
    var spoolTrouble: Failure?
    var misplaced: Int
    var unserved: Set<AgentRequest>
    var engines: [String]
  }

  init(home: Home, configuration: Configuration, options: Runner.Options, startedAt: Moment) {
    self.home = home
    self.configuration = configuration
    self.options = options
    self.startedAt = startedAt
  }

  var nextDue: Int64? { configuration.system.metricsEnabled ? min(nextMetrics, nextHealth) : nextHealth }

  func begin(_ runner: Runner) { writeHealth(runner, .starting) }

  /// Writes what is due, and the health at once when its state changed.
  func update(_ runner: Runner, now: Moment) {
    if now.boot >= nextMetrics { writeMetrics(runner) }
    let phase: HealthReport.Phase = runner.stopping == .no ? .running : .stopping
    if now.boot >= nextHealth || shown != shows(phase, runner) { writeHealth(runner, phase) }
  }

  /// The last word of a runner that leaves in good order.
  func end(_ runner: Runner) {
    insist { writeMetrics(runner) }
    insist { writeHealth(runner, options.mode == .watch ? .stopping : .idle) }
  }

  /// The last word of a runner that cannot go on: red until the next one takes over, and counted where the journal still
  /// takes it. After a failed fsync it is not asked: a commit that then succeeds would prove nothing of what came before.
  func fail(_ runner: Runner, _ failure: Failure) {
    runner.log.critical("Runner failed", error: failure, metadata: ["stack_trace": .callStack()])
    var deltas = SeriesDeltas()
    deltas.increment(.errors, [failure.code.rawValue])
    let values = deltas.values
    if ![.io, .notDurable, .tryLater, .journalDamaged].contains(failure.code) {
      try? runner.journal.commit { try $0.add(series: values) }
    }
    insist { writeHealth(runner, .running, failure) }
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

  // MARK: Writing

  @discardableResult
  private func writeMetrics(_ runner: Runner) -> ReportDuty.Turn? {
    guard configuration.system.metricsEnabled else { return nil }
    let turn = attempt("metrics", runner) { () throws(Failure) in
      let page = try metricsPage(runner, runner.clock.now())
      makeParent(of: home.metrics)
      try AtomicFile.replace(home.metrics, with: page)
    }
    nextMetrics = next(after: turn, configuration.system.metricsInterval, runner)
    return turn
  }

  @discardableResult
  private func writeHealth(
    _ runner: Runner, _ phase: HealthReport.Phase, _ failure: Failure? = nil
  ) -> ReportDuty.Turn? {
    let turn = attempt("health", runner) { () throws(Failure) in
      // Another pass is at work, and goes on telling.
      if phase == .idle, duty?.isLastPass == false { return }
      let report = timed(logger: runner.log) { health(runner, phase, failure) }
      makeParent(of: home.health)
      try AtomicFile.replace(home.health, with: report.json())
      note(report, runner)
    }
    nextHealth = next(after: turn, configuration.system.healthCheckInterval, runner)
    if turn != .busy { shown = shows(phase, runner) }
    return turn
  }

  private func shows(_ phase: HealthReport.Phase, _ runner: Runner) -> Shown {
    Shown(
      phase: phase, unhealthyAgents: runner.scheduler.agentPool.unhealthy, stuckFiles: runner.intake.stuck.count,
      spoolTrouble: runner.toldTrouble, misplaced: runner.misplaced.count, unserved: runner.scheduler.unserved,
      engines: runner.codeAgents.map { $0.agent.lastReport.map { $0.problem ?? "" } ?? "unknown" })
  }

  /// Logs what turns bad, and what is good again. That a pass comes and goes is no news, and happens every minute.
  private func note(_ report: HealthReport, _ runner: Runner) {
    let status = report.status
    defer { lastStatus = status }
    guard lastStatus != status else { return }
    let isNews = options.mode == .watch && lastStatus != nil
    guard isNews || status.isBad || lastStatus?.isBad == true else { return }
    var metadata: Logger.Metadata = [
      "status": .string(status.rawValue), "former": .string(lastStatus?.rawValue ?? "unknown"),
    ]
    if status.isBad { metadata["error"] = .string(report.checks.complaints.joined(separator: "; ")) }
    runner.log.log(level: status.isBad ? .warning : .info, "Health changed", metadata: metadata)
  }

  /// Boot time of the next write. Whoever holds the pen has it for some milliseconds.
  private func next(after turn: ReportDuty.Turn?, _ interval: Duration, _ runner: Runner) -> Int64 {
    runner.clock.now().boot + (turn == .busy ? Self.pause : interval).microseconds
  }

  private static let pause = Duration.milliseconds(20)

  /// For words that nobody else will say later: waits a second at most for those who write.
  private func insist(_ write: () -> ReportDuty.Turn?) {
    for _ in 0..<50 {
      guard write() == .busy else { return }
      poll(nil, 0, Int32(Self.pause.milliseconds))
    }
  }

  /// - Returns: `nil` when it failed, which is logged once and counted.
  private func attempt(
    _ what: String, _ runner: Runner, _ body: () throws(Failure) -> Void
  ) -> ReportDuty.Turn? {
    do throws(Failure) {
      let turn = try ourDuty().perform(body)
      if turn == .written { complained.remove(what) }
      return turn
    } catch {
      if complained.insert(what).inserted {
        runner.log.error("Report cannot be written", error: error, metadata: ["report": .string(what)])
        runner.deltas.increment(.errors, ["report"])
      }
      return nil
    }
  }

  private func ourDuty() throws(Failure) -> ReportDuty {
    if let duty { return duty }
    let new = try ReportDuty(
      path: home.data + "/reports.lock", role: options.mode == .watch ? .watcher : .pass)
    duty = new
    return new
  }

  private func makeParent(of path: String) {
    guard let slash = path.lastIndex(of: "/") else { return }
    let directory = String(path[..<slash])
    // Whatever the umask: node_exporter is another user.
    if mkdir(directory, 0o755) == 0 { chmod(directory, 0o755) }
  }
}

extension HealthReport.Status {
  fileprivate var isBad: Bool {
    switch self {
    case .degraded, .notReady: true
    case .starting, .ready, .idle, .stopping: false
    }
  }
}
