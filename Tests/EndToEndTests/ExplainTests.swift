import Foundation
import Testing

@Suite struct Explain {
  @Test func anEndedRunSaysWhatFailedFirstAndWhereItsOutputLies() throws {
    let home = try Home()
    try home.submit("tasks: {a: {run: 'echo oh no >&2; exit 3'}, b: {needs: a, run: 'true'}}\n")
    try home.astro("drain")
    let id = try home.run(in: "failed")
    let output = try home.astro("explain", id).output
    #expect(output.hasPrefix("\(id) failed: task 'a' failed\n"))
    #expect(output.contains("the first to fail was 'a', failed: exited with code 3\n"))
    #expect(output.contains("its output: \(home.path)/data/runs/\(id)/tasks/a/1/stderr\n"))
    let failure = try home.astro("explain", "@latest", "--json").output.json()["first_failure"] as? [String: Any]
    #expect(failure?["task_id"] as? String == "a")
    // The file is known by its run once it was claimed.
    #expect(try home.astro("explain", "work.yaml").output == output)
  }

  @Test func aRunningRunExplainsEachTask() throws {
    let home = try Home(system: "max_parallel_tasks: 1")
    let gate = try home.gate()
    try home.submit(
      """
      tasks:
        first: {run: '\(gate.pass)'}
        beside: {run: 'true'}
        after: {needs: [first], run: 'true'}

      """)
    let drain = try home.start("drain")
    try gate.waitForTask()
    let id = try home.run(in: "active")
    let tasks = try home.astro("explain", id, "--json").output.json()["tasks"] as? [[String: Any]] ?? []
    let causes = tasks.map { task in
      (task["causes"] as? [[String: Any]] ?? []).map { $0["cause"] as? String ?? "" }.joined(separator: ",")
    }
    #expect(tasks.map { $0["task_id"] as? String } == ["first", "beside", "after"])
    #expect(causes == ["running", "max_parallel_tasks", "dependency"])
    #expect(
      try home.astro("explain", id, "after").output
        == "\(id) running\nafter pending\n  needs 'first', which is running\n  earliest start: unknown\n")
    let unknown = try home.astro("explain", id, "aftr")
    #expect(unknown.code == 66)
    #expect(unknown.errors == "astro: \(id): has no task 'aftr'; did you mean 'after'?\n")
    gate.letOn()
    #expect(try drain.finish().code == 0)
  }

  @Test func aKilledRunnerIsMissed() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit("tasks: {a: {run: '\(gate.pass)'}, b: {needs: a, run: 'true'}}\n")
    let watcher = try home.start("watch")
    try gate.waitForTask()
    let id = try home.run(in: "active")
    try watcher.kill()
    #expect(
      try home.astro("explain", id).output.contains("no runner works on this home: start astro watch or astro drain"))
    gate.letOn()
    #expect(try home.astro("drain").code == 0)
  }

  @Test func aBackoffSaysUntilWhen() throws {
    let home = try Home()
    try home.submit("tasks: {a: {run: exit 3, retry: {attempts: 3, delay: 1h, jitter: false}}}\n")
    let watcher = try home.start("watch")
    #expect(watcher.logs("Task execution failed"))
    let id = try home.run(in: "active")
    let output = try home.astro("explain", id, "a").output
    #expect(output.contains("\na waiting\n  retry 2 of 3 at "))
    #expect(output.contains("(retry after: exited with code 3)\n  earliest start: 20"))
    #expect(try watcher.stop().code == 0)
  }

  @Test func aThrottledFileSaysWhichLimitHoldsIt() throws {
    let home = try Home(system: "rate_limits: {workflow_creation: {max_requests: 1, window_seconds: 3600}}")
    try home.submit("tasks: {a: {run: 'true'}}\n", as: "one.yaml")
    try home.astro("drain")
    try home.submit("tasks: {a: {run: 'true'}}\n", as: "two.yaml")
    try home.astro("drain")
    let answer = try home.astro("explain", "two.yaml")
    #expect(answer.code == 0)
    #expect(answer.output.hasPrefix("two.yaml waits in the spool\n  no runner works on this home: "))
    #expect(answer.output.contains("  limit workflow_creation of "))
    #expect(answer.output.contains(": 1 of 1 used, opens for it at "))
    let watcher = try home.start("watch")
    #expect(watcher.logs("Rate limit exceeded"))
    let causes = try home.astro("explain", "spool/two.yaml", "--json").output.json()["causes"] as? [[String: Any]] ?? []
    #expect(causes.map { $0["cause"] as? String } == ["limit"])
    #expect(try home.astro("explain", "two.yaml").output.contains("  claimed at the earliest: 20"))
    #expect(try watcher.stop().code == 0)
  }

  @Test func filesThatAreNotReadySayWhy() throws {
    let home = try Home()
    try home.write("tasks: {a: {run: 'true'}}", to: "spool/cut.yaml")
    try home.write("tasks: {a: {runn: 'true'}}\n", to: "spool/typo.yaml")
    try home.write("not_before: 2199-01-01T00:00:00Z\ntasks: {a: {run: 'true'}}\n", to: "spool/later.yaml")
    try home.write("x", to: "spool/.hidden")
    #expect(try home.astro("explain", "cut.yaml").output.contains("no newline at its end, so it may be a cut-off copy"))
    let typo = try home.astro("explain", "typo.yaml")
    #expect(typo.output.contains("will be rejected: unknown key 'runn'\n"))
    #expect(typo.errors.contains("typo.yaml:1:13: error: unknown key 'runn'"))
    #expect(try home.astro("explain", "later.yaml").output.contains("not_before: 2199-01-01T00:00:00.000Z"))
    #expect(try home.astro("explain", ".hidden").output.contains("files of this name are ignored"))
    let missing = try home.astro("explain", "nothing.yaml")
    #expect(missing.code == 66)
    #expect(missing.errors == "astro: nothing.yaml: no such run, and no such file in spool/\n")
  }

  @Test func aSubmittedFileIsKnownByTheRunItWillBe() throws {
    let home = try Home()
    try home.write("tasks: {a: {run: 'true'}}\n", to: "work.yaml")
    let id = try home.astro("submit", "\(home.path)/work.yaml").output.trimmingCharacters(in: .whitespacesAndNewlines)
    let answer = try home.astro("explain", id)
    #expect(
      answer.output
        == """
        \(id).yaml waits in the spool
          no runner works on this home: start astro watch or astro drain
          claimed at the earliest: unknown

        """)
  }
}
