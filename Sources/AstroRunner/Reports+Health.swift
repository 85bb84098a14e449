import AstroAgents
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroScheduling
import AstroSpool
import AstroTelemetry
import Glibc

extension Reports {
  /// - Parameter failure: why the runner gives up, if it does.
  func health(_ runner: Runner, _ phase: HealthReport.Phase, _ failure: Failure?) -> HealthReport {
    let now = runner.clock.now()
    let record = HealthRecord(runner)
    let spoolFailure = failure.flatMap { $0.subject.hasPrefix(home.spool) ? $0 : nil }
    return HealthReport(
      mode: options.mode == .watch ? .watch : .drain, phase: phase,
      checks: HealthChecks(
        database: .database(
          responseTime: record.elapsed, failure: record.failure ?? (spoolFailure == nil ? failure : nil), at: now.wall,
          details: ["path": .string(runner.journal.path)]),
        agents: agentsCheck(runner, record.load, now),
        docker: .engines(runner.codeAgents.map { ($0.id, $0.agent.lastReport) }, at: now.wall),
        spool: spoolCheck(runner, spoolFailure ?? runner.spoolTrouble, now), disk: diskCheck(runner, now)),
      agentCount: runner.scheduler.agentPool.members.count, uptime: .microseconds(now.boot - startedAt.boot),
      timestamp: now.wall, nextUpdateBy: now.wall + patience(phase), processID: getpid(), version: options.version,
      lastRun: record.last)
  }

  /// A watcher writes again within two intervals. A pass of cron does not know when the next comes: a day is given.
  private func patience(_ phase: HealthReport.Phase) -> Duration {
    phase == .idle ? .seconds(86_400) : configuration.system.healthCheckInterval * 2
  }

  /// What the journal says, and how long it took to say it.
  private struct HealthRecord {
    var load = Workload()
    var last: HealthReport.LastRun?
    var failure: Failure?
    var elapsed = Duration.zero

    init(_ runner: Runner) {
      let before = runner.clock.now().boot
      do throws(Failure) {
        let (load, run) = try runner.journal.read { (try $0.workload(), try $0.lastEnded()) }
        self.load = load
        last = run.map { .init(workflow: $0.id, state: $0.state, finishedAt: $0.finishedAt ?? $0.claimedAt) }
      } catch {
        failure = error
      }
      elapsed = .microseconds(runner.clock.now().boot - before)
    }
  }

  private func agentsCheck(_ runner: Runner, _ load: Workload, _ now: Moment) -> HealthCheck {
    let pool = runner.scheduler.agentPool
    var statuses: [String: AgentStatus] = [:]
    for member in pool.members { statuses[member.id] = load.runningByAgent[member.id] ?? 0 > 0 ? .active : .idle }
    for agent in pool.unhealthy { statuses[agent] = .unhealthy }
    var check = HealthCheck.agents(statuses, activeTasks: load.runningTasks, at: now.wall)
    if let missing = runner.scheduler.unserved.map(\.phrase).min() {
      check.status = check.status == .healthy ? .degraded : check.status
      check.message += "; tasks wait for \(missing), and none is configured"
    }
    return check
  }

  private func spoolCheck(_ runner: Runner, _ failure: Failure?, _ now: Moment) -> HealthCheck {
    let before = runner.clock.now().boot
    let path = runner.spool.directory
    var details: [String: JSONValue] = ["path": .string(path)]
    var status = HealthCheck.Status.healthy
    var message = "The spool is writable"
    if runner.spool.integrity() != .intact {
      (status, message) = (.unhealthy, "The spool is missing or was replaced")
    } else if let failure {
      (status, message) = (.unhealthy, "The spool cannot be used: \(failure)")
    } else if access(path, W_OK | X_OK) != 0 {
      (status, message) = (.unhealthy, "The spool cannot be written to: \(String(cString: strerror(errno)))")
    } else {
      if let counts = try? runner.spool.counts() { details["waiting"] = .integer(Int64(counts.waiting)) }
      if options.mode == .watch, case .polling(let reason) = runner.spool.watch.mode {
        (status, message) = (.degraded, "The spool is polled, not watched: \(reason)")
      }
      if !runner.intake.stuck.isEmpty {
        (status, message) = (.degraded, "Files cannot be taken: \(runner.intake.stuck.count)")
        details[StuckFiles.member] = StuckFiles(runner.intake.stuck).json
      }
      if let (run, why) = runner.misplaced.min(by: { $0.key < $1.key }) {
        (status, message) = (.degraded, "The file of \(run) cannot be placed: \(why)")
      }
    }
    return HealthCheck(
      status, message, at: now.wall, responseTime: .microseconds(runner.clock.now().boot - before), details: details)
  }

  private func diskCheck(_ runner: Runner, _ now: Moment) -> HealthCheck {
    let before = runner.clock.now().boot
    let disk = Machine.disk(home.data)
    let elapsed = Duration.microseconds(runner.clock.now().boot - before)
    guard let disk else {
      return HealthCheck(
        .unhealthy, "The disk of the data directory cannot be asked", at: now.wall, responseTime: elapsed,
        details: ["path": .string(home.data)])
    }
    let (status, message): (HealthCheck.Status, String) =
      switch disk.room {
      case .ample: (.healthy, "The disk has room")
      case .scarce: (.degraded, "The disk is nearly full")
      case .none: (.unhealthy, "The disk is full")
      }
    return HealthCheck(
      status, message, at: now.wall, responseTime: elapsed,
      details: [
        "free_bytes": .integer(disk.freeBytes), "total_bytes": .integer(disk.totalBytes),
        "free_inodes": .integer(disk.freeInodes),
      ])
  }
}
