import Foundation
import Testing

/// What a user sees of output that was too much.
@Suite struct BoundTests {
  /// R37
  @Test func `what a task prints past the limit is left out of its middle, and everything says so`() throws {
    let home = try Home(system: "max_task_output: 256KiB\n  \(Home.unlimited)")
    let text = """
      tasks:
        much: {run: 'seq 1 1000000; echo end; seq 1 1000000 >&2'}
        little: {run: 'echo little'}
        seen:
          needs: much
          env: {TEXT: '${{ tasks.much.stdout }}'}
          run: echo "$TEXT" | tail -n 1; printf %s "$TEXT" | wc -c

      """
    try home.drain(text)
    let run = try home.run(in: "done")
    let record = try home.read("data/runs/\(run)/run.json").json()
    let tasks = try #require(record["tasks"] as? [[String: Any]])
    let attempts = Dictionary(
      uniqueKeysWithValues: tasks.map {
        ($0["task_id"] as? String ?? "", ($0["attempts"] as? [[String: Any]])?.first ?? [:])
      })
    let omitted = try #require(attempts["much"]?["stdout_omitted_bytes"] as? Int)
    let kept = try home.read("data/runs/\(run)/tasks/much/1/stdout")
    let mark = "\n… \(omitted) bytes were left out here …\n"
    #expect(kept.components(separatedBy: mark).count == 2)
    // seq prints 6,888,896 bytes.
    #expect(kept.utf8.count - mark.utf8.count + 1 + omitted == 6_888_896 + 4)
    #expect(kept.utf8.count <= 256 << 10)
    #expect(kept.hasPrefix("1\n2\n") && kept.hasSuffix("\n1000000\nend\n"))
    #expect((attempts["much"]?["stderr_omitted_bytes"] as? Int ?? 0) > 6_000_000)
    #expect(attempts["little"]?["stdout_omitted_bytes"] == nil)
    let line = try #require(try home.log("Task execution completed").first { $0.contains("\"task_id\":\"much\"") })
      .json()
    #expect(line["stdout_omitted_bytes"] as? Int == omitted)
    #expect(try home.astro("logs", run, "much", "--stdout").output == kept)
    #expect(try home.astro("logs", run, "seen", "--stdout").output.lines.first == "end")
    #expect(home.names(in: "data/scratch").isEmpty)
  }

  /// R37. `astro logs` of a task whose middle is gone already.
  @Test func `while it runs, what is shown says how much of it is gone`() throws {
    let home = try Home(system: "max_task_output: 256KiB\n  \(Home.unlimited)")
    let gate = try home.gate()
    try home.submit("tasks: {a: {run: 'seq 1 3000000; \(gate.pass)'}}\n")
    let drain = try home.start("drain")
    try gate.waitForTask()
    // Freed at the next look of the warden, a second later at most.
    try eventually("the middle is freed") {
      try home.astro("logs", "@latest", "a", "--stdout").output.contains(" bytes were left out here …\n")
    }
    let shown = try home.astro("logs", "@latest", "a", "--stdout").output
    #expect(!shown.utf8.contains(0))
    #expect(shown.hasPrefix("1\n2\n") && shown.hasSuffix("\n3000000\n"))
    gate.letOn()
    #expect(try drain.finish().code == 0)
  }
}
