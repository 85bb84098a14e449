import Foundation
import Glibc
import Testing

@Suite struct StatusTests {
  private let far =
    "rate_limits: {task_submission: unlimited, workflow_creation: {max_requests: 1, window_seconds: 1h}}"

  @Test func `a home where nothing ever happened says what to do`() throws {
    let home = try ScratchHome()
    let outcome = try home.astro("status")
    #expect(outcome.code == 0)
    #expect(
      outcome.out == """
        No runner is working: files wait until astro watch or astro drain runs.

        No run is active.

        No file waits in the spool.

        No limit is in use.

        No run has ended yet.

        Health: no runner has reported yet.

        """)
    #expect(home.names("data").isEmpty, "a look makes nothing")
    #expect(home.names("spool").isEmpty)
  }

  private func holds(_ home: ScratchHome) throws -> [String: [String: Any]] {
    let report = try home.astro("status", "--json").json([String: Any].self)
    let files = try #require(report["waiting"] as? [[String: Any]])
    return Dictionary(uniqueKeysWithValues: files.map { ($0["file"] as? String ?? "", $0) })
  }

  @Test func `every waiting file is shown with what holds it`() throws {
    let home = try ScratchHome()
    try home.drop("not_before: 2100-01-01T00:00:00Z\n" + Workflows.succeeding, as: "later.yaml")
    try home.drop("tasks: {a: {run: 'true', nedds: []}}\n", as: "typo.yaml")
    try home.drop("tasks: {a: {run: 'true'}}", as: "cut.yaml")
    try home.drop("", as: "empty.yaml")
    try home.drop("x\n", as: "notes.txt")
    try home.drop(Workflows.succeeding, as: "good.yaml")
    try home.drop(Workflows.succeeding, as: "ignored.tmp")
    _ = try home.makePipe("spool/pipe.yaml")
    let holds = try holds(home)
    #expect(
      holds.mapValues { $0["held_by"] as? String } == [
        "later.yaml": "not_before", "typo.yaml": "invalid", "cut.yaml": "no_final_newline", "empty.yaml": "empty",
        "notes.txt": "invalid", "good.yaml": "no_runner", "pipe.yaml": "invalid",
      ])
    #expect(holds["later.yaml"]?["until"] as? String == "2100-01-01T00:00:00.000Z")
    #expect((holds["typo.yaml"]?["reason"] as? String)?.hasPrefix("will be rejected: unknown key 'nedds'") == true)
    #expect(holds["notes.txt"]?["reason"] as? String == "will be rejected: not the name of a workflow file")
    #expect(holds["pipe.yaml"]?["reason"] as? String == "will be rejected: it is no regular file")
    let text = try home.astro("status").out
    #expect(text.contains("Waiting files: 7\n"))
    #expect(text.contains("its not_before, until 2100-01-01T00:00:00.000Z (in "))
  }

  @Test func `a look at the spool changes nothing in it`() throws {
    let home = try ScratchHome()
    try home.drop(Workflows.succeeding, as: "a.yaml")
    func snapshot() throws -> [String] {
      try home.names("spool").map { name in
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
    let home = try ScratchHome(far)
    for name in ["a", "b", "c"] { try home.drop(Workflows.succeeding, as: "\(name).yaml") }
    try home.astro("drain")
    #expect(home.names("spool/done").count == 2, "one run and its receipt")
    let report = try home.astro("status", "--json").json([String: Any].self)
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
    let home = try ScratchHome("max_active_workflows: 1")
    let pipe = try home.makePipe("gate")
    try home.drop(Workflows.gated(by: pipe, marker: home.path + "/ran"), as: "a.yaml")
    let watch = try home.start("watch")
    try eventually("the task runs") { home.read("ran") != nil }
    try home.drop(Workflows.succeeding, as: "b.yaml")
    let holds = try holds(home)
    #expect(holds["b.yaml"]?["held_by"] as? String == "max_active_workflows")
    #expect(holds["b.yaml"]?["reason"] as? String == "max_active_workflows: 1 are active")
    try home.release(pipe)
    try eventually("both have ended") { home.names("spool/done").count == 4 }
    watch.signal(SIGTERM)
    #expect(watch.finish().code == 0)
  }

  @Test func `runners and runs under way are shown with their progress`() throws {
    let home = try ScratchHome()
    let pipe = try home.makePipe("gate")
    try home.drop(Workflows.gated(by: pipe, marker: home.path + "/ran"), as: "work.yaml")
    let watch = try home.start("watch")
    try eventually("the task runs") { home.read("ran") != nil }
    var report = try home.astro("status", "--json").json([String: Any].self)
    let runners = try #require(report["runners"] as? [[String: Any]])
    #expect(runners.map { $0["mode"] as? String } == ["watch"])
    #expect(runners.map { $0["pid"] as? Int } == [Int(watch.pid)])
    var active = try #require(report["active"] as? [[String: Any]])
    #expect(active.map { $0["name"] as? String } == ["work"])
    #expect(active.map { $0["tasks_total"] as? Int } == [2])
    #expect(active.map { $0["tasks_done"] as? Int } == [0])
    #expect(active.map { $0["running"] as? [String] } == [["first"]])
    #expect(active.map { $0["looked_after"] as? Bool } == [true])
    watch.kill()
    report = try home.astro("status", "--json").json([String: Any].self)
    #expect((report["runners"] as? [[String: Any]])?.isEmpty == true)
    active = try #require(report["active"] as? [[String: Any]])
    #expect(active.map { $0["looked_after"] as? Bool } == [false])
    #expect(try home.astro("status").out.contains("(its runner is gone: the next one takes it over)"))
    try home.release(pipe)
    #expect(try home.astro("drain").code == 0)
  }

  @Test func `a run is shown with all its tasks in the order of the file`() throws {
    let home = try ScratchHome()
    let pipe = try home.makePipe("gate")
    try home.drop(
      """
      tasks:
        z: {run: 'cat "\(pipe)" > /dev/null'}
        y: {needs: [z], run: 'exit 3'}
        x: {needs: [y], run: 'true'}

      """, as: "w.yaml")
    let drain = try home.start("drain")
    func tasks() throws -> [String] {
      let run = try home.astro("status", "@latest", "--json").json([String: Any].self)
      return (run["tasks"] as? [[String: Any]] ?? []).map { "\($0["task_id"] ?? "") \($0["state"] ?? "")" }
    }
    try eventually("the first task runs") { (try? tasks()) == ["z running", "y pending", "x pending"] }
    try home.release(pipe)
    #expect(drain.finish().code == 1)
    #expect(try tasks() == ["z succeeded", "y failed", "x upstream_failed"])
    let text = try home.astro("status", "@latest").out
    #expect(text.hasPrefix("w-"))
    #expect(text.contains(" failed: task 'y' failed\n"))
    #expect(text.contains("\nTASK  STATE            ATTEMPTS  TOOK  "))
    #expect(text.contains("\nx     upstream_failed  0               "))
    #expect(text.contains("need 'y' failed\n"))
  }

  @Test func `a submitted file that waits can be asked for by its identifier`() throws {
    let home = try ScratchHome()
    try home.write(Workflows.succeeding, to: "a.yaml")
    let id = try #require(try home.astro("submit", "a.yaml").lines.first)
    #expect(
      try home.astro("status", id).out == "\(id) waits in the spool: neither astro watch nor astro drain is running\n")
    #expect(try home.astro("status", "a-", "--json").json([String: Any].self)["workflow_id"] as? String == id)
  }

  @Test func `watching prints one snapshot after the other until it is interrupted`() throws {
    let home = try ScratchHome()
    let status = try home.start("status", "--watch", "--json")
    try eventually("two snapshots") { status.out.split(separator: "\n").count >= 2 }
    status.signal(SIGINT)
    let outcome = status.finish()
    #expect(outcome.code == 130)
    for line in outcome.lines { #expect(line.hasPrefix("{\"timestamp\":") && line.hasSuffix("}")) }
  }

  @Test func `on a terminal the frames are drawn over each other, cut to its size`() throws {
    let home = try ScratchHome()
    for number in 1...30 { try home.drop(Workflows.succeeding, as: "a-rather-long-name-of-a-file-\(number).yaml") }
    let terminal = try OldTerminal(columns: 40, rows: 10)
    let status = try terminal.start(home, "status", "--watch")
    try eventually("two frames") { terminal.text.components(separatedBy: "\u{1B}[H").count >= 3 }
    status.signal(SIGINT)
    #expect(status.finish().code == 130)
    let frame = terminal.text.components(separatedBy: "\u{1B}[H")[1]
    let lines = frame.components(separatedBy: "\r\n")
    #expect(lines.count == 10, "nine lines and what follows the last")
    for line in lines { #expect(line.replacingOccurrences(of: "\u{1B}[K", with: "").count <= 40) }
    #expect(lines.contains { $0.contains("…") })
  }

  @Test func `after the death of a runner its last report is not believed`() throws {
    let home = try ScratchHome()
    let watch = try home.start("watch")
    func health() throws -> [String: Any] {
      try #require(try home.astro("status", "--json").json([String: Any].self)["health"] as? [String: Any])
    }
    try eventually("it is ready") { try health()["status"] as? String == "ready" }
    let report = try JSONSerialization.jsonObject(with: Data((home.read("data/health.json") ?? "").utf8))
    watch.kill()
    #expect(try health()["status"] as? String == "not_ready")
    #expect(try health()["overall_status"] as? String == "degraded")
    let written = (report as? [String: Any])?["timestamp"] as? String ?? ""
    #expect(
      try home.astro("status").out.hasSuffix(
        "\nHealth: not_ready (no runner is at work; the last report of \(written) said ready)\n"))
    #expect(try home.astro("drain").code == 0)
    #expect(try home.astro("status").out.hasSuffix("\nHealth: idle\n"))
  }
}
