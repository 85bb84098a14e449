import AstroConfiguration
import AstroCore
import AstroJournal
import AstroScheduling
import AstroTelemetry
import Foundation
import Glibc
import Testing

@testable import AstroRunner

@Suite struct HealthFileTests {
  private let fixture: RunnerFixture

  init() throws { fixture = try RunnerFixture() }

  @Test func aWatchersLifeIsTold() throws {
    let watcher = try fixture.watcher()
    watcher.reports.begin(watcher)
    #expect(try fixture.status == "starting" && fixture.mode == "watch")
    // At once, and not an interval later.
    watcher.report()
    #expect(try fixture.status == "ready")
    watcher.stop(within: .seconds(5))
    watcher.report()
    #expect(try fixture.status == "stopping")
    watcher.reports.end(watcher)
    #expect(try fixture.status == "stopping")
    #expect(try fixture.logged("INFO") == ["Health changed", "Health changed"])
    #expect(try fixture.logged("WARNING").isEmpty)
    // Each round is timed.
    #expect(try fixture.logged("DEBUG") == Array(repeating: "Operation completed", count: 4))
  }

  @Test func aWatcherWritesAgainAtEveryInterval() throws {
    let watcher = try fixture.watcher()
    watcher.report()
    #expect(try fixture.health()["next_update_by"] as? String == "2026-11-24T02:01:00.000Z")
    fixture.clock.advance(.seconds(29))
    watcher.report()
    #expect(try fixture.health()["uptime_seconds"] as? Int == 0)
    fixture.clock.advance(.seconds(1))
    watcher.report()
    #expect(try fixture.health()["uptime_seconds"] as? Int == 30)
    #expect(try fixture.health()["next_update_by"] as? String == "2026-11-24T02:01:30.000Z")
    // The page was last due at 29 s, so it is again before the health is.
    #expect(watcher.reports.nextDue == Int64(544_000_000))
  }

  @Test func aPassLeavesItsHomeIdleForADay() throws {
    let pass = try fixture.pass()
    pass.reports.begin(pass)
    #expect(try fixture.status == "starting" && fixture.mode == "drain")
    pass.reports.end(pass)
    #expect(try fixture.status == "idle")
    #expect(try fixture.health()["next_update_by"] as? String == "2026-11-25T02:00:00.000Z")
    // That it came and went is no news: cron would tell it every minute.
    #expect(try fixture.logged("INFO").isEmpty && fixture.logged("WARNING").isEmpty)
  }

  @Test func theFileHasTheContractsMembers() throws {
    let watcher = try fixture.watcher()
    watcher.report()
    let health = try fixture.health()
    #expect(
      Set(health.keys) == [
        "status", "mode", "live", "startup", "ready", "checks", "uptime_seconds", "timestamp", "next_update_by", "pid",
        "version", "last_run",
      ])
    #expect(health["pid"] as? Int == Int(getpid()) && health["version"] as? String == "1.0")
    for name in ["database", "agents", "docker", "spool", "disk"] {
      let check = try fixture.check(name)
      #expect(Set(check.keys) == ["status", "message", "timestamp", "response_time_ms", "details"])
      #expect(check["status"] as? String == "healthy", "\(name): \(check)")
    }
    let agents = try #require(try fixture.check("agents")["details"] as? [String: Any])
    #expect(agents["total_agents"] as? Int == 1 && agents["healthy_agents"] as? Int == 1)
    #expect(agents["agent_statuses"] as? [String: String] == ["shell_agent_001": "idle"])
    #expect(agents["active_tasks"] as? Int == 0)
    #expect((health["startup"] as? [String: Any])?["agent_count"] as? Int == 1)
  }

  // MARK: Several runners

  @Test func aWatcherThatStartsDuringAPassTellsOfTheHome() throws {
    let pass = try fixture.pass()
    pass.reports.begin(pass)
    let watcher = try fixture.watcher()
    watcher.reports.begin(watcher)
    watcher.report()
    #expect(try fixture.status == "ready" && fixture.mode == "watch")
    fixture.clock.advance(.seconds(30))
    pass.report()
    pass.reports.end(pass)
    #expect(try fixture.status == "ready" && fixture.mode == "watch")
  }

  @Test func aPassThatOutlivesTheWatcherTellsOfTheHomeAtItsNextInterval() throws {
    let pass = try fixture.pass()
    try {
      let watcher = try fixture.watcher()
      watcher.reports.begin(watcher)
      pass.reports.begin(pass)
      pass.report()
      watcher.reports.end(watcher)
      #expect(try fixture.status == "stopping" && fixture.mode == "watch")
    }()
    fixture.clock.advance(.seconds(30))
    pass.report()
    #expect(try fixture.status == "ready" && fixture.mode == "drain")
  }

  @Test func ofTwoPassesTheLastToLeaveSaysThatNobodyIsThere() throws {
    let last = try fixture.pass()
    try {
      let first = try fixture.pass()
      for pass in [first, last] {
        pass.reports.begin(pass)
        pass.report()
      }
      first.reports.end(first)
      #expect(try fixture.status == "ready")
    }()
    last.reports.end(last)
    #expect(try fixture.status == "idle")
  }

  @Test func theLastRunIsThatOfTheHome() throws {
    let watcher = try fixture.watcher()
    watcher.report()
    #expect(try fixture.health()["last_run"] is NSNull)
    let ended = run("a", .failed, finished: Timestamp(microseconds: 1_795_485_500_000_000))
    try fixture.journal().commit { try $0.insert(ended, content: []) }
    fixture.clock.advance(.seconds(30))
    watcher.report()
    let last = try #require(try fixture.health()["last_run"] as? [String: String])
    #expect(
      last == ["workflow_id": ended.id.text, "status": "failed", "finished_at": "2026-11-24T01:58:20.000Z"])
  }

  // MARK: Checks

  @Test func aHomeWithoutAHealthyAgentIsNotReadyUntilOneRecovers() throws {
    try fixture.journal().commit { transaction in
      try transaction.put(
        agent: AgentRecord(id: "shell_agent_001", infrastructureFailures: 3))
    }
    let watcher = try fixture.watcher()
    watcher.report()
    #expect(try fixture.status == "not_ready")
    #expect(try fixture.check("agents")["message"] as? String == "0 of 1 agents are healthy")
    #expect(try fixture.metric("astro_agent_health{agent_id=\"shell_agent_001\"}") == "0")
    // A change of state is written at once.
    _ = watcher.scheduler.handle([.probed(agent: "shell_agent_001", error: nil)], at: fixture.clock.now())
    watcher.report()
    #expect(try fixture.status == "ready")
    #expect(try fixture.logged("WARNING") == ["Health changed"])
    let log = try String(contentsOfFile: fixture.home.log, encoding: .utf8)
    #expect(log.contains("\"status\":\"not_ready\",\"error\":\"0 of 1 agents are healthy\",\"former\":\"unknown\""))
    #expect(try fixture.logged("INFO") == ["Health changed"])
    fixture.clock.advance(.seconds(15))
    watcher.report()
    #expect(try fixture.metric("astro_agent_health{agent_id=\"shell_agent_001\"}") == "1")
  }

  @Test func aSlowJournalIsDegraded() throws {
    let watcher = try fixture.watcher()
    fixture.clock.goOn(by: .milliseconds(101))
    watcher.report()
    #expect(try fixture.status == "degraded")
    #expect(try fixture.check("database")["status"] as? String == "degraded")
    #expect(try fixture.check("database")["response_time_ms"] as? Int == 101)
  }

  @Test func aSpoolThatIsGoneIsUnhealthy() throws {
    let watcher = try fixture.watcher()
    rename(fixture.home.spool, fixture.home.spool + ".old")
    watcher.report()
    #expect(try fixture.status == "not_ready")
    #expect(try fixture.check("spool")["message"] as? String == "The spool is missing or was replaced")
  }

  @Test func aRunnerThatFailsTurnsHealthRedAndIsCounted() throws {
    let watcher = try fixture.watcher()
    watcher.report()
    watcher.reports.fail(watcher, Failure(.noSpace, subject: "/f", message: "cannot be written"))
    #expect(try fixture.status == "not_ready")
    #expect(try fixture.check("database")["message"] as? String == "/f: cannot be written")
    #expect(
      try fixture.journal().read { try $0.series() }["astro_system_errors_total{error_type=\"no_space\"}"] == 1)
    #expect(try fixture.logged("CRITICAL") == ["Runner failed"])
    let log = try String(contentsOfFile: fixture.home.log, encoding: .utf8)
    #expect(log.contains("\"exception\":{\"type\":\"Failure\"") && log.contains("\"stack_trace\":[\""))
  }

  /// After a failed fsync a commit that succeeds would prove nothing.
  @Test func whatCouldNotBeMadeDurableIsNotCommittedAfter() throws {
    let watcher = try fixture.watcher()
    watcher.reports.fail(watcher, Failure(.io, subject: "/f", message: "cannot be written"))
    #expect(try fixture.status == "not_ready")
    #expect(try fixture.journal().read { try $0.series() }["astro_system_errors_total{error_type=\"io\"}"] == nil)
  }

  private static let rooms: [(bytes: Int64, inodes: Int64, Machine.Disk.Room)] = [
    (1_000_000_000_000, 1_000_000, .ample), (268_435_456, 1000, .ample), (268_435_455, 1000, .scarce),
    (1_000_000_000_000, 999, .scarce), (16_777_216, 20, .scarce), (16_777_215, 1_000_000, .none),
    (1_000_000_000_000, 19, .none),
  ]

  @Test(arguments: rooms) func theDiskIsJudgedByItsRoom(bytes: Int64, inodes: Int64, expected: Machine.Disk.Room) {
    let disk = Machine.Disk(freeBytes: bytes, totalBytes: 1 << 41, freeInodes: inodes, totalInodes: 1 << 20)
    #expect(disk.room == expected)
    // Where inodes are not counted only bytes matter.
    let uncounted = Machine.Disk(freeBytes: 1 << 40, totalBytes: 1 << 41, freeInodes: 0, totalInodes: 0)
    #expect(uncounted.room == .ample)
  }
}

@Suite struct MetricsFileTests {
  @Test func gaugesAreOfTheHomeWhicheverRunnerWritesThem() throws {
    let fixture = try RunnerFixture()
    let journal = try fixture.journal()
    try journal.commit { transaction in
      let active = run("a", .running, tasks: 10)
      try transaction.insert(active, content: [])
      for (task, state) in [("one", TaskState.running), ("two", .succeeded), ("three", .waiting)] {
        try transaction.put(TaskRecord(run: active.id, task: task, state: state))
      }
      try transaction.beginAttempt(
        AttemptRecord(
          key: AttemptKey(workflow: active.id, task: "one", number: 1), agent: "shell_agent_001", launcher: "somebody",
          started: transaction.now, bootID: "boot-a"))
      try transaction.put(
        agent: AgentRecord(id: "shell_agent_001", successes: 2, failures: 4))
      try transaction.add(series: ["astro_retries_total{agent_id=\"shell_agent_001\"}": 3])
    }
    try "tasks: {}\n".write(toFile: fixture.home.spool + "/w.yaml", atomically: false, encoding: .utf8)
    let expected = [
      "astro_active_tasks": "1", "astro_queued_tasks": "8", "astro_active_workflows": "1",
      "astro_agent_tasks_active{agent_id=\"shell_agent_001\"}": "1",
      "astro_agent_health{agent_id=\"shell_agent_001\"}": "1",
      "astro_agent_reliability_score{agent_id=\"shell_agent_001\"}": "0.5", "astro_db_connections_active": "1",
      "astro_spool_files{state=\"waiting\"}": "1", "astro_spool_files{state=\"active\"}": "0",
      "astro_retries_total{agent_id=\"shell_agent_001\"}": "3", "astro_last_run_timestamp_seconds": "0",
      "astro_last_run_success": "0", "astro_heartbeat_timestamp_seconds": "1795485600",
      "astro_system_uptime_seconds": "0",
    ]
    for mode in [Runner.Mode.drain(maxTime: nil), .watch] {
      let runner = try fixture.runner(mode)
      unlink(fixture.home.metrics)
      runner.report()
      for (series, value) in expected { #expect(try fixture.metric(series) == value, "\(series)") }
    }
    var status = stat()
    #expect(stat(fixture.home.metrics, &status) == 0 && status.st_mode & 0o777 == 0o644)
  }

  @Test(arguments: [
    (RunState.succeeded, "1"), (.partial, "1"), (.duplicate, "1"), (.failed, "0"), (.cancelled, "0"),
  ]) func theLastRunSucceededOrDidNot(state: RunState, expected: String) throws {
    let fixture = try RunnerFixture()
    try fixture.journal().commit { transaction in
      _ = try transaction.insert(run("a", state, finished: Timestamp(microseconds: 1_500_000)), content: [])
    }
    let pass = try fixture.pass()
    pass.report()
    #expect(try fixture.metric("astro_last_run_success") == expected)
    #expect(try fixture.metric("astro_last_run_timestamp_seconds") == "1.5")
  }

  @Test func remainingRequestsAreShownForEveryKeyInUse() throws {
    let fixture = try RunnerFixture()
    let pass = try fixture.pass()
    for (limiter, key) in [("api_calls", "alice"), ("workflow_creation", "b\"ob")] {
      _ = try pass.journal.commit { try pass.allowances.rates.consume(limiter, key: key, weight: 5, in: $0) }
    }
    pass.report()
    #expect(try fixture.metric("astro_rate_limit_remaining{limiter=\"api_calls\",key=\"alice\"}") == "995")
    #expect(try fixture.metric("astro_rate_limit_remaining{limiter=\"workflow_creation\",key=\"b\\\"ob\"}") == "15")
  }

  @Test func aPageThatCannotBeWrittenIsLoggedOnceAndTriedAgain() throws {
    let fixture = try RunnerFixture([("metrics_file: data/metrics/astro.prom", "metrics_file: data/blocked/astro.prom")]
    )
    try "".write(toFile: fixture.home.data + "/blocked", atomically: false, encoding: .utf8)
    let watcher = try fixture.watcher()
    for _ in 0..<3 {
      watcher.report()
      fixture.clock.advance(.seconds(15))
    }
    #expect(try fixture.logged("ERROR") == ["Report cannot be written"])
    #expect(watcher.deltas.values == ["astro_system_errors_total{error_type=\"report\"}": 1])
    #expect(try fixture.status == "ready")
    unlink(fixture.home.data + "/blocked")
    watcher.report()
    #expect(try fixture.metric("astro_active_tasks") == "0")
  }

  @Test func metricsThatAreSwitchedOffAreNotWrittenAndWakeNobody() throws {
    let fixture = try RunnerFixture([("metrics_enabled: true", "metrics_enabled: false")])
    let watcher = try fixture.watcher()
    watcher.report()
    #expect(access(fixture.home.metrics, F_OK) != 0)
    #expect(watcher.reports.nextDue == fixture.clock.now().boot + 30_000_000)
  }
}
