import Foundation
import Glibc
import Testing

@Suite struct MetricsTests {
  @Test func `the page is the file`() throws {
    let home = try Home()
    try home.drain("tasks: {a: {run: 'true'}}\n")
    let ending = try home.astro("metrics")
    #expect(ending.code == 0)
    #expect(ending.errors == "")
    #expect(ending.output == (try home.read("data/metrics/astro.prom")))
  }

  @Test func `a missing file is made up for from the journal, which it says`() throws {
    let home = try Home()
    try home.drain("tasks: {a: {run: 'true'}, b: {run: 'false'}}\n")
    let kept = try home.read("data/metrics/astro.prom").split(separator: "\n")
    try #require(unlink(home.path + "/data/metrics/astro.prom") == 0)
    let ending = try home.astro("metrics")
    #expect(
      ending.errors
        == "\(home.path)/data/metrics/astro.prom: no runner has written it yet; this page is made from the journal\n")
    let made = ending.output.split(separator: "\n")
    // A runner's own numbers differ, and the database counters of its last commit; everything else is the same.
    let own = ["astro_db_", "astro_system_uptime_seconds ", "astro_heartbeat_timestamp_seconds "]
    let isShared = { (line: Substring) in !own.contains { line.hasPrefix($0) } }
    #expect(made.filter(isShared) == kept.filter(isShared))
    #expect(made.contains("astro_tasks_total{agent_id=\"shell_agent_001\",status=\"failure\"} 1"))
    #expect(!home.exists("data/metrics/astro.prom"))
  }

  @Test func `a home where nothing ran has a page of zeros`() throws {
    let home = try Home()
    let ending = try home.astro("metrics")
    #expect(ending.code == 0)
    #expect(ending.output.contains("\nastro_workflows_total{status=\"completed\"} 0\n"))
    #expect(!home.exists("data/astro.sqlite"))
  }

  @Test func `an old file is shown, and its age told`() throws {
    let home = try Home()
    try home.drain("tasks: {a: {run: 'true'}}\n")
    let path = home.path + "/data/metrics/astro.prom"
    #expect(try Command("/usr/bin/touch", ["-d", "3 hours ago", path]).finish().code == 0)
    let ending = try home.astro("metrics")
    #expect(ending.output == (try home.read("data/metrics/astro.prom")))
    let pattern = try Regex("\(path) is 3h.* old \\(written every 15s while a runner is at work\\)\n")
    #expect(try pattern.wholeMatch(in: ending.errors) != nil)
  }

  @Test func `as JSON every sample has its name, labels and value`() throws {
    let home = try Home()
    try home.drain("tasks: {a: {run: 'true'}}\n")
    let output = try home.astro("metrics", "--json").output
    let samples = try output.json([[String: Any]].self)
    let lines = try home.read("data/metrics/astro.prom").split(separator: "\n").count { !$0.hasPrefix("#") }
    #expect(samples.count == lines)
    let total = try #require(samples.first { $0["name"] as? String == "astro_tasks_total" })
    #expect(total["type"] as? String == "counter")
    #expect(total["labels"] as? [String: String] == ["agent_id": "shell_agent_001", "status": "success"])
    #expect(total["value"] as? Int == 1)
    let bucket = try #require(samples.first { $0["name"] as? String == "astro_task_duration_seconds_bucket" })
    #expect(bucket["type"] as? String == "histogram")
  }
}
