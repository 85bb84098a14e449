import AstroCore
import AstroTestKit
import Foundation
import Glibc
import Testing

@testable import AstroTelemetry

/// 2026-11-24T02:00:00Z
private let now = Timestamp(microseconds: 1_795_485_600_000_000)

private func checks(_ statuses: HealthCheck.Status...) -> HealthChecks {
  func check(_ i: Int) -> HealthCheck { HealthCheck(i < statuses.count ? statuses[i] : .healthy, "m", at: now) }
  return HealthChecks(database: check(0), agents: check(1), docker: check(2), spool: check(3), disk: check(4))
}

private func report(
  _ phase: HealthReport.Phase = .running, _ checks: HealthChecks = checks(), mode: HealthReport.Mode = .watch,
  lastRun: HealthReport.LastRun? = nil
) -> HealthReport {
  HealthReport(
    mode: mode, phase: phase, checks: checks, agentCount: 2, uptime: .seconds(90), timestamp: now,
    nextUpdateBy: now + .seconds(60), processID: 42, version: "1.0", lastRun: lastRun)
}

@Suite struct HealthReportTests {
  @Test(arguments: HealthReport.Phase.allCases, HealthCheck.Status.allCases) func theStateTableIsTheContracts(
    phase: HealthReport.Phase, worst: HealthCheck.Status
  ) {
    let report = report(phase, checks(.healthy, worst, .healthy, worst == .healthy ? .healthy : .degraded))
    let expected: (HealthReport.Status, ready: Bool) =
      switch (phase, worst) {
      case (.starting, _): (.starting, false)
      case (.stopping, _): (.stopping, false)
      case (.idle, .healthy), (.idle, .degraded): (.idle, true)
      case (.idle, .unhealthy): (.idle, false)
      case (.running, .healthy): (.ready, true)
      case (.running, .degraded): (.degraded, true)
      case (.running, .unhealthy): (.notReady, false)
      }
    #expect(report.status == expected.0 && report.isReady == expected.ready)
  }

  @Test func statesHaveTheContractsNames() {
    #expect(
      HealthReport.Status.allCases.map(\.rawValue) == [
        "starting", "ready", "degraded", "not_ready", "idle", "stopping",
      ])
    #expect(HealthCheck.Status.allCases.map(\.rawValue) == ["healthy", "degraded", "unhealthy"])
  }

  @Test func theFileHasItsShape() {
    let last = HealthReport.LastRun(
      workflow: WorkflowID(unchecked: "w"), state: .failed, finishedAt: now + .seconds(-5))
    var checks = checks()
    checks.disk.details = ["free_bytes": .integer(7)]
    checks.disk.responseTime = .microseconds(1500)
    let check = { (name: String) in
      "\"\(name)\": {\"status\":\"healthy\",\"message\":\"m\",\"timestamp\":\"2026-11-24T02:00:00.000Z\","
    }
    #expect(
      String(decoding: report(.running, checks, lastRun: last).json(), as: UTF8.self) == """
        {
          "status": "ready",
          "mode": "watch",
          "live": {"status":"alive","uptime_seconds":90,"timestamp":"2026-11-24T02:00:00.000Z"},
          "startup": {"status":"started","agent_count":2},
          "ready": {"status":"ready"},
          "checks": {
            \(check("database"))"response_time_ms":0,"details":{}},
            \(check("agents"))"response_time_ms":0,"details":{}},
            \(check("docker"))"response_time_ms":0,"details":{}},
            \(check("spool"))"response_time_ms":0,"details":{}},
            \(check("disk"))"response_time_ms":1.5,"details":{"free_bytes":7}}
          },
          "uptime_seconds": 90,
          "timestamp": "2026-11-24T02:00:00.000Z",
          "next_update_by": "2026-11-24T02:01:00.000Z",
          "pid": 42,
          "version": "1.0",
          "last_run": {"workflow_id":"w","status":"failed","finished_at":"2026-11-24T01:59:55.000Z"}
        }

        """)
  }

  @Test func hostileMessagesKeepTheFileValid() throws {
    var checks = checks()
    checks.spool.message = "\u{1B}[31m\n\"\\\u{202E}"
    let bytes = report(.running, checks).json()
    let object = try #require(JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    let spool = (object["checks"] as? [String: Any])?["spool"] as? [String: Any]
    #expect(spool?["message"] as? String == checks.spool.message)
    #expect(object["last_run"] is NSNull)
  }

  // MARK: The checks

  @Test func aJournalSlowerThanATenthOfASecondIsDegraded() {
    #expect(HealthCheck.database(responseTime: .milliseconds(100), at: now).status == .healthy)
    let slow = HealthCheck.database(responseTime: .milliseconds(100) + .microseconds(1), at: now)
    #expect(slow.status == .degraded && slow.message == "The journal answers slowly")
    #expect(slow.responseTime == .microseconds(100_001))
    let failed = HealthCheck.database(
      responseTime: .zero, failure: Failure(.io, subject: "f", message: "cannot be read"), at: now)
    #expect(failed.status == .unhealthy && failed.message == "f: cannot be read")
  }

  @Test(arguments: [
    ([AgentStatus](), HealthCheck.Status.unhealthy), ([.idle], .healthy), ([.active], .healthy),
    ([.unhealthy], .unhealthy),
    ([.idle, .unhealthy], .healthy), ([.idle, .unhealthy, .unhealthy], .degraded), ([.disabled], .unhealthy),
    ([.idle, .disabled, .disabled, .disabled], .healthy), ([.active, .unhealthy, .unhealthy, .disabled], .degraded),
  ]) func agentsAreJudgedByTheirShare(statuses: [AgentStatus], expected: HealthCheck.Status) {
    let named = Dictionary(uniqueKeysWithValues: statuses.enumerated().map { ("a\($0)", $1) })
    let check = HealthCheck.agents(named, activeTasks: 3, at: now)
    #expect(check.status == expected)
    #expect(Set(check.details.keys) == ["total_agents", "healthy_agents", "agent_statuses", "active_tasks"])
    #expect(check.details["total_agents"] == .integer(Int64(statuses.count)))
    #expect(check.details["active_tasks"] == .integer(3))
  }

  @Test func theDetailsOfTheAgentsNameEach() {
    let check = HealthCheck.agents(["a": .idle, "b": .unhealthy, "c": .disabled], activeTasks: 0, at: now)
    #expect(check.message == "1 of 2 agents are healthy")
    #expect(
      check.details["agent_statuses"]
        == .map(["a": .string("idle"), "b": .string("unhealthy"), "c": .string("disabled")]))
    #expect(check.details["healthy_agents"] == .integer(1))
  }

  @Test func anEngineNobodyNeedsIsHealthy() {
    #expect(HealthCheck.notNeeded("No agent needs a sandbox engine", at: now).status == .healthy)
  }
}

@Suite struct HealthProbeTests {
  private let home = TemporaryDirectory()
  private var path: String { home.path("health.json") }

  /// The answer's exit code and its JSON.
  private func ask(
    _ question: HealthProbe.Question, at time: Timestamp = now
  ) throws -> (code: Int32, json: [String: Any]) {
    let answer = HealthProbe(reading: path).answer(question, at: time)
    #expect(answer.json.last == 0x0A && answer.json.dropLast().allSatisfy { $0 >= 0x20 })
    let object = try #require(JSONSerialization.jsonObject(with: Data(answer.json)) as? [String: Any])
    return (answer.exitCode.rawValue, object)
  }

  private func publish(_ report: HealthReport) throws { try AtomicFile.replace(path, with: report.json()) }

  @Test(arguments: [
    (HealthReport.Phase.starting, HealthCheck.Status.healthy, [0, 1, 1]), (.running, .healthy, [0, 0, 0]),
    (.running, .degraded, [0, 0, 0]), (.running, .unhealthy, [0, 1, 0]), (.idle, .healthy, [0, 0, 0]),
    (.idle, .unhealthy, [0, 1, 0]), (.stopping, .healthy, [0, 1, 0]),
  ]) func probesAnswerByExitCode(
    phase: HealthReport.Phase, worst: HealthCheck.Status, codes: [Int32]
  ) throws {
    try publish(report(phase, checks(worst)))
    #expect(try [.live, .ready, .startup].map { try ask($0).code } == codes)
  }

  @Test func probesSayWhatTheyFound() throws {
    try publish(report())
    let live = try ask(.live).json
    #expect(live["status"] as? String == "alive" && live["uptime_seconds"] as? Int == 90)
    #expect(live["timestamp"] as? String == "2026-11-24T02:00:00.000Z")
    let ready = try ask(.ready).json
    #expect(ready["status"] as? String == "ready")
    #expect((ready["checks"] as? [String: Any])?.count == 5)
    let startup = try ask(.startup).json
    #expect(startup["status"] as? String == "started" && startup["agent_count"] as? Int == 2)
  }

  @Test func theSummaryIsHealthyOnlyWhenEveryCheckIs() throws {
    try publish(report())
    let healthy = try ask(.summary)
    #expect(healthy.code == 0 && healthy.json["overall_status"] as? String == "healthy")
    #expect(
      Set(healthy.json.keys) == [
        "overall_status", "status", "mode", "checks", "uptime_seconds", "timestamp", "next_update_by", "pid",
        "version", "last_run",
      ])
    for worst in [HealthCheck.Status.degraded, .unhealthy] {
      try publish(report(.running, checks(worst)))
      let answer = try ask(.summary)
      #expect(answer.code == 1 && answer.json["overall_status"] as? String == "degraded")
    }
  }

  @Test(arguments: HealthProbe.Question.allCases) func aReportPastItsTimeIsNotBelieved(
    question: HealthProbe.Question
  ) throws {
    try publish(report())
    #expect(try ask(question, at: now + .seconds(60)).code == 0)
    let late = try ask(question, at: now + .seconds(60) + .microseconds(1))
    #expect(late.code == 1)
    #expect(
      late.json["message"] as? String
        == "the report was due to be renewed by 2026-11-24T02:01:00.000Z: the runner is gone or stuck")
  }

  @Test(arguments: HealthProbe.Question.allCases) func aMissingFileIsAClearAnswer(
    question: HealthProbe.Question
  ) throws {
    let answer = try ask(question)
    #expect(answer.code == 1)
    #expect(
      answer.json["message"] as? String
        == "\(path): there is no health report: no runner has started here; start one with astro watch or astro drain")
  }

  @Test func aFileCutOffAnywhereIsAClearAnswer() throws {
    let whole = report().json()
    for length in 0..<(whole.count - 2) {
      let answer = HealthProbe(Array(whole[..<length]), path: "health.json").answer(.live, at: now)
      #expect(answer.exitCode == .runFailed)
      #expect(
        String(decoding: answer.json, as: UTF8.self).hasPrefix(
          "{\"status\":\"not_alive\",\"message\":\"health.json: is not a health report: "), "cut at \(length)")
    }
  }

  @Test(arguments: [
    "", "x", "[]", "{}", "null", "{\"next_update_by\":1}", "{\"next_update_by\":\"tomorrow\"}", "\u{0}\u{1B}[31m",
    "{\"status\":\"ready\"}", String(repeating: "[", count: 100_000),
  ]) func garbageIsAClearAnswer(text: String) throws {
    try AtomicFile.replace(path, with: Array(text.utf8))
    for question in HealthProbe.Question.allCases {
      let answer = try ask(question)
      #expect(answer.code == 1)
      #expect((answer.json["message"] as? String)?.hasPrefix("\(path): is not a health report: ") == true)
    }
  }

  @Test func membersOfTheWrongTypeAreNotReady() throws {
    try AtomicFile.replace(
      path,
      with: Array("{\"next_update_by\":\"2026-11-24T02:01:00Z\",\"ready\":1,\"checks\":[],\"startup\":null}".utf8))
    #expect(try ask(.live).code == 0)
    #expect(try ask(.ready).code == 1)
    #expect(try ask(.startup).code == 1)
    #expect(try ask(.summary).code == 1)
  }

  @Test func whatIsNoRegularFileIsAClearAnswerAtOnce() throws {
    mkfifo(path, 0o600)
    #expect(try ask(.live).json["message"] as? String == "\(path): is not a health report")
    unlink(path)
    mkdir(path, 0o700)
    #expect(try ask(.live).json["message"] as? String == "\(path): is not a health report")
    rmdir(path)
    try AtomicFile.replace(path, with: [UInt8](repeating: 0x20, count: (1 << 20) + 1))
    #expect(try ask(.live).json["message"] as? String == "\(path): is not a health report")
    unlink(path)
    symlink("health.json", path)
    #expect(
      try ask(.live).json["message"] as? String == "\(path): cannot be opened: Too many levels of symbolic links")
  }
}
