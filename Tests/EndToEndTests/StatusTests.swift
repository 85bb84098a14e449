import Foundation
import Glibc
import Testing

@Suite struct StatusTests {
  private let far =
    "rate_limits: {task_submission: unlimited, workflow_creation: {max_requests: 1, window_seconds: 1h}}"

  @Test func `a home where nothing ever happened says what to do`() throws {
    let home = try Home()
    let outcome = try home.astro("status")
    #expect(outcome.code == 0)
    #expect(
      outcome.output == """
        No runner is working: files wait until astro watch or astro drain runs.

        No run is active.

        No file waits in the spool.

        No limit is in use.

        No run has ended yet.

        Health: no runner has reported yet.

        """)
    #expect(home.names(in: "data").isEmpty, "a look makes nothing")
    #expect(home.waiting.isEmpty)
  }

  private func holds(_ home: Home) throws -> [String: [String: Any]] {
    let report = try home.astro("status", "--json").output.json()
    let files = try #require(report["waiting"] as? [[String: Any]])
    return Dictionary(uniqueKeysWithValues: files.map { ($0["file"] as? String ?? "", $0) })
  }

  @Test func `every waiting file is shown with what holds it`() throws {
    let home = try Home()
    try home.submit("not_before: 2100-01-01T00:00:00Z\n" + Workflows.succeeding, as: "later.yaml")
    try home.submit("tasks: {a: {run: 'true', nedds: []}}\n", as: "typo.yaml")
    try home.submit("tasks: {a: {run: 'true'}}", as: "cut.yaml")
    try home.submit("", as: "empty.yaml")
    try home.submit("x\n", as: "notes.txt")
    try home.submit(Workflows.succeeding, as: "good.yaml")
    try home.submit(Workflows.succeeding, as: "ignored.tmp")
    try #require(mkfifo(home.path + "/spool/pipe.yaml", 0o600) == 0)
    let holds = try holds(home)
    #expect(
      holds.mapValues { $0["held_by"] as? String } == [
        "later.yaml": "not_before", "typo.yaml": "refused", "cut.yaml": "no_final_newline", "empty.yaml": "empty",
        "notes.txt": "refused", "good.yaml": "no_runner", "pipe.yaml": "refused",
      ])
    #expect(holds["later.yaml"]?["until"] as? String == "2100-01-01T00:00:00.000Z")
    #expect((holds["typo.yaml"]?["reason"] as? String)?.hasPrefix("will be rejected: unknown key 'nedds'") == true)
    #expect(holds["notes.txt"]?["reason"] as? String == "will be rejected: not the name of a workflow file")
    #expect(holds["pipe.yaml"]?["reason"] as? String == "will be rejected: it is no regular file")
    let text = try home.astro("status").output
    #expect(text.contains("Waiting files: 7\n"))
    #expect(text.contains("its not_before, until 2100-01-01T00:00:00.000Z (in "))
  }

  @Test func `a look at the spool changes nothing in it`() throws {
    let home = try Home()
    try home.submit(Workflows.succeeding, as: "a.yaml")
    func snapshot() throws -> [String] {
      try home.waiting.map { name in
        var status = stat()
        try #require(lstat("\(home.path)/spool/\(name)", &status) == 0)
        return "\(name) \(status.st_ino) \(status.st_mtim.tv_nsec) \(status.st_ctim.tv_sec) \(status.st_ctim.tv_nsec)"
      }
    }
    let before = try snapshot()
    try home.astro("status")
    #expect(try snapshot() == before)
    #expect(before.count == 1)
  }

  @Test func `a limit holds each file of a user until its own turn`() throws {
    let home = try Home(system: far)
    for name in ["a", "b", "c"] { try home.submit(Workflows.succeeding, as: "\(name).yaml") }
    try home.astro("drain")
    #expect(home.names(in: "spool/done").count == 2, "one run and its receipt")
    let report = try home.astro("status", "--json").output.json()
    let files = try #require(report["waiting"] as? [[String: Any]])
    #expect(files.map { $0["held_by"] as? String } == ["limit", "limit"])
    let reason = "limit workflow_creation of \(NSUserName()), 1 in 1h"
    #expect(files.map { $0["reason"] as? String } == [reason, reason])
    let format = ISO8601DateFormatter()
    format.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
    let times = try files.map { try #require(format.date(from: $0["until"] as? String ?? "")) }
    #expect(abs(times[1].timeIntervalSince(times[0]) - 3600) < 20, "an hour after the one before it")
    let limits = try #require(report["limits"] as? [[String: Any]])
    #expect(limits.map { $0["limiter"] as? String } == ["workflow_creation"])
    #expect(limits.map { $0["requests_in_window"] as? Int } == [1])
    let ended = try #require(report["ended"] as? [[String: Any]])
    #expect(ended.map { $0["state"] as? String } == ["succeeded"])
  }

  @Test func `no room is a reason, too`() throws {
    let home = try Home(system: "max_active_workflows: 1")
    let gate = try home.gate()
    try home.submit(Workflows.gated(by: gate), as: "a.yaml")
    let watch = try home.start("watch")
    try gate.waitForTask()
    try home.submit(Workflows.succeeding, as: "b.yaml")
    let holds = try holds(home)
    #expect(holds["b.yaml"]?["held_by"] as? String == "max_active_workflows")
    #expect(holds["b.yaml"]?["reason"] as? String == "max_active_workflows: 1 are active")
    gate.letOn()
    try eventually("both have ended") { home.names(in: "spool/done").count == 4 }
    #expect(try watch.stop().code == 0)
  }

  /// Goal R25.
  @Test func `a runner that was stopped is called stalled, with the ways out`() throws {
    let home = try Home()
    let watch = try home.start("watch")
    func stalled() throws -> [Bool?] {
      let runners = try home.astro("status", "--json").output.json()["runners"] as? [[String: Any]] ?? []
      return runners.map { $0["stalled"] as? Bool }
    }
    try eventually("it works") { try stalled() == [false] }
    watch.signal(SIGSTOP)
    try eventually("it is stalled") { try stalled() == [true] }
    let text = try home.astro("status").output
    #expect(text.contains("watch (stalled)"))
    #expect(
      text.contains(
        """
        Process \(watch.pid) was stopped and keeps its runs: kill -CONT \(watch.pid) lets it go on, kill -KILL \
        \(watch.pid) lets the next runner take them over.

        """), "\(text)")
    watch.signal(SIGCONT)
    try eventually("it goes on") { try stalled() == [false] }
    #expect(try watch.stop().code == 0)
  }

  @Test func `runners and runs under way are shown with their progress`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit(Workflows.gated(by: gate), as: "work.yaml")
    let watch = try home.start("watch")
    try gate.waitForTask()
    var report = try home.astro("status", "--json").output.json()
    let runners = try #require(report["runners"] as? [[String: Any]])
    #expect(runners.map { $0["mode"] as? String } == ["watch"])
    #expect(runners.map { $0["pid"] as? Int } == [Int(watch.pid)])
    var active = try #require(report["active"] as? [[String: Any]])
    #expect(active.map { $0["name"] as? String } == ["work"])
    #expect(active.map { $0["tasks_total"] as? Int } == [2])
    #expect(active.map { $0["tasks_done"] as? Int } == [0])
    #expect(active.map { $0["running"] as? [String] } == [["first"]])
    #expect(active.map { $0["looked_after"] as? Bool } == [true])
    try watch.kill()
    report = try home.astro("status", "--json").output.json()
    #expect((report["runners"] as? [[String: Any]])?.isEmpty == true)
    active = try #require(report["active"] as? [[String: Any]])
    #expect(active.map { $0["looked_after"] as? Bool } == [false])
    #expect(try home.astro("status").output.contains("(its runner is gone: the next one takes it over)"))
    gate.letOn()
    #expect(try home.astro("drain").code == 0)
  }

  @Test func `a run is shown with all its tasks in the order of the file`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit(
      """
      tasks:
        z: {run: '\(gate.pass)'}
        y: {needs: [z], run: 'exit 3'}
        x: {needs: [y], run: 'true'}

      """, as: "w.yaml")
    let drain = try home.start("drain")
    func tasks() throws -> [String] {
      let run = try home.astro("status", "@latest", "--json").output.json()
      return (run["tasks"] as? [[String: Any]] ?? []).map { "\($0["task_id"] ?? "") \($0["state"] ?? "")" }
    }
    try gate.waitForTask()
    #expect(try tasks() == ["z running", "y pending", "x pending"])
    gate.letOn()
    #expect(try drain.finish().code == 1)
    #expect(try tasks() == ["z succeeded", "y failed", "x upstream_failed"])
    let text = try home.astro("status", "@latest").output
    #expect(text.hasPrefix("w-"))
    #expect(text.contains(" failed: task 'y' failed\n"))
    #expect(text.contains("\nTASK  STATE            ATTEMPTS  TOOK  "))
    #expect(text.contains("\nx     upstream_failed  0               "))
    #expect(text.contains("need 'y' failed\n"))
  }

  @Test func `a submitted file that waits can be asked for by its identifier`() throws {
    let home = try Home()
    try home.write(Workflows.succeeding, to: "a.yaml")
    let id = try #require(try home.astro("submit", "a.yaml").output.lines.first)
    #expect(
      try home.astro("status", id).output
        == "\(id) waits in the spool: neither astro watch nor astro drain is running\n")
    #expect(try home.astro("status", "a-", "--json").output.json()["workflow_id"] as? String == id)
  }

  @Test func `watching prints one snapshot after the other until it is interrupted`() throws {
    let home = try Home()
    let status = try home.start("status", "--watch", "--json")
    for _ in 1...2 { #expect(status.prints("}\n")) }
    status.signal(SIGINT)
    let outcome = try status.finish()
    #expect(outcome.code == 130)
    for line in outcome.output.lines { #expect(line.hasPrefix("{\"timestamp\":") && line.hasSuffix("}")) }
  }

  @Test func `on a terminal the frames are drawn over each other, cut to its size`() throws {
    let home = try Home()
    for number in 1...30 { try home.submit(Workflows.succeeding, as: "a-rather-long-name-of-a-file-\(number).yaml") }
    let status = try home.start(["status", "--watch"], terminal: PseudoTerminal(columns: 40, rows: 10))
    for _ in 1...2 { #expect(status.prints("\u{1B}[H")) }
    status.signal(SIGINT)
    let outcome = try status.finish()
    #expect(outcome.code == 130)
    let frame = outcome.output.components(separatedBy: "\u{1B}[H")[1]
    let lines = frame.components(separatedBy: "\r\n")
    #expect(lines.count == 10, "nine lines and what follows the last")
    for line in lines { #expect(line.replacingOccurrences(of: "\u{1B}[K", with: "").count <= 40) }
    #expect(lines.contains { $0.contains("…") })
  }

  @Test func `after the death of a runner its last report is not believed`() throws {
    let home = try Home()
    let watch = try home.start("watch")
    func health() throws -> [String: Any] {
      try #require(try home.astro("status", "--json").output.json()["health"] as? [String: Any])
    }
    try eventually("it is ready") { try health()["status"] as? String == "ready" }
    let report = try home.read("data/health.json").json()
    try watch.kill()
    #expect(try health()["status"] as? String == "not_ready")
    #expect(try health()["overall_status"] as? String == "degraded")
    let written = report["timestamp"] as? String ?? ""
    #expect(
      try home.astro("status").output.hasSuffix(
        "\nHealth: not_ready (no runner is at work; the last report of \(written) said ready)\n"))
    #expect(try home.astro("drain").code == 0)
    #expect(try home.astro("status").output.hasSuffix("\nHealth: idle\n"))
  }
}
