import Foundation
import Glibc
import Testing

@Suite struct LimitsTests {
  private let hourly =
    "rate_limits: {task_submission: {max_requests: 1, window_seconds: 1h}, workflow_creation: unlimited}"

  private func rows(_ home: Home) throws -> [[String: Any]] {
    try home.astro("limits", "show", "--json").output.json([[String: Any]].self)
  }

  /// The seconds until each time.
  private func distances(_ times: [String]) throws -> [Double] {
    let format = ISO8601DateFormatter()
    format.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
    return try times.map { try #require(format.date(from: $0)).timeIntervalSinceNow }
  }

  @Test func `files that wait for their limit are counted, whoever asks`() throws {
    let home = try Home(
      system: "rate_limits: {task_submission: unlimited, workflow_creation: {max_requests: 1, window_seconds: 1h}}")
    for name in ["a", "b", "c"] { try home.submit(Workflows.succeeding, as: "\(name).yaml") }
    var old = [timeval(tv_sec: time(nil) - 500, tv_usec: 0), timeval(tv_sec: time(nil) - 500, tv_usec: 0)]
    utimes("\(home.path)/spool/b.yaml", &old)
    try home.astro("drain")
    #expect(home.waiting.count == 2)
    let row = try #require(try rows(home).first)
    #expect(row["limiter"] as? String == "workflow_creation")
    #expect(row["waiting"] as? Int == 2)
    let oldest = try #require(row["oldest_wait_seconds"] as? Double)
    #expect(home.waiting.contains("b.yaml") ? oldest >= 500 : oldest < 500)
    #expect(try home.astro("limits").output.lines.first?.hasSuffix("  WAITING  LONGEST") == true)
    try home.configure("rate_limits: {workflow_creation: unlimited}")
    #expect(try rows(home).isEmpty)
  }

  @Test func `tasks that wait for their limit are counted and each has its own place in the line`() throws {
    let home = try Home(system: hourly)
    let gate = try home.gate()
    try home.submit(
      """
      tasks:
        first: {run: '\(gate.pass)'}
        second: {run: 'true'}
        third: {run: 'true'}
        after: {needs: [second], run: 'true'}

      """, as: "a.yaml")
    let watch = try home.start("watch")
    try gate.waitForTask()
    try home.submit("priority: 5\n" + Workflows.succeeding, as: "b.yaml")
    try eventually("both are runs") { home.names(in: "spool/active").count == 2 }
    func openings(_ run: String) throws -> [String: String] {
      let tasks = try home.astro("explain", run, "--json").output.json()["tasks"] as? [[String: Any]] ?? []
      return Dictionary(
        uniqueKeysWithValues: tasks.compactMap { task in
          (task["earliest_start"] as? String).map { (task["task_id"] as? String ?? "", $0) }
        })
    }
    let (mine, other) = (try openings("a-"), try openings("b-"))
    #expect(Set(mine.keys) == ["second", "third"])
    #expect(Set(other.keys) == ["a"])
    let hours = try distances([other["a"] ?? "", mine["second"] ?? "", mine["third"] ?? ""]).map {
      ($0 / 3600).rounded()
    }
    #expect(hours == [1, 2, 3], "the higher priority first, then in the order of the file, one an hour")
    let row = try #require(try rows(home).first)
    #expect(row["limiter"] as? String == "task_submission")
    #expect(row["waiting"] as? Int == 3)
    try home.astro("hold", "b-")
    #expect(try rows(home).first?["waiting"] as? Int == 2, "a held run waits for its release")
    try watch.kill()
    #expect(try rows(home).first?["waiting"] as? Int == 0, "without a runner nothing waits for a limit")
    gate.letOn()
  }

  @Test func `each throttled file has its own turn`() throws {
    let home = try Home(
      system: "rate_limits: {task_submission: unlimited, workflow_creation: {max_requests: 1, window_seconds: 1h}}")
    try home.submit(Workflows.succeeding, as: "a.yaml")
    let watch = try home.start("watch")
    try eventually("the first has run") { home.names(in: "spool/done").count == 2 }
    for name in ["b", "c"] { try home.submit(Workflows.succeeding, as: "\(name).yaml") }
    let times = try home.waiting.map { name in
      let answer = try home.astro("explain", name, "--json").output.json()
      return answer["earliest_start"] as? String ?? ""
    }
    #expect(try distances(times).map { ($0 / 3600).rounded() }.sorted() == [1, 2])
    #expect(try watch.stop().code == 0)
  }

  @Test func `a limit that is not there cannot be cleared`() throws {
    let home = try Home()
    let outcome = try home.astro("limits", "clear", "nosuch")
    #expect(outcome.code == 66)
    #expect(
      outcome.errors
        == "astro: nosuch: no such limit; there are: api_calls, provider, task_submission, workflow_creation\n")
    #expect(try home.astro("limits", "clear", "api_calls").output == "0 cleared\n")
  }
}
