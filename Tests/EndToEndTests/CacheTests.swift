import Foundation
import Glibc
import Testing

/// Results that stand for equal tasks.
struct CacheTests {
  private let workflow = """
    tasks:
      a: {run: 'echo "$N" >> "$LOG"; echo "n=$N" >> "$ASTRO_OUTPUT"; echo said', cache: true, env: {N: '1', LOG: '${{ params.log }}'}}
      b: {needs: [a], run: 'echo "$X and $Y"', env: {X: '${{ tasks.a.outputs.n }}', Y: '${{ tasks.a.stdout }}'}}
    params: {log: {type: string, required: true}}

    """

  private func runs(_ home: Home, _ arguments: [String] = [], _ text: String? = nil) throws -> [[String: Any]] {
    let path = try home.made("w.yaml", text ?? workflow)
    let ending = try home.start(["run", "-q", "-p", "log=\(home.path)/log", path] + arguments).finish()
    try #require(ending.code == 0, "\(ending.errors)")
    let tasks = try home.astro("status", "@latest", "--json").output.json()["tasks"] as? [[String: Any]] ?? []
    return tasks.flatMap { $0["attempts"] as? [[String: Any]] ?? [] }
  }

  @Test func anEqualTaskIsNotDoneTwiceAndGivesTheSame() throws {
    let home = try Home(system: Home.unlimited)
    #expect(try runs(home).map { $0["cached"] as? Bool } == [nil, nil])
    #expect(try runs(home).map { $0["cached"] as? Bool } == [true, nil])
    #expect(try home.read("log").lines == ["1"])
    let tasks = try home.astro("status", "@latest", "--json").output.json()["tasks"] as? [[String: Any]] ?? []
    #expect(tasks.map { $0["cached"] as? Bool } == [true, nil])
    let shown = try home.astro("status", "@latest").output.lines.suffix(2)
    #expect(shown.map { $0.split(separator: " ").prefix(3).joined(separator: " ") }.first == "a succeeded, cached")
    #expect(shown.last?.contains("cached") == false)
    #expect(try home.astro("logs", "@latest", "b").output.contains("1 and said"))
    #expect(try home.astro("logs", "@latest", "a").output.contains("said"))
    #expect(try home.astro("metrics").output.lines.contains("astro_cache_hits_total{agent_id=\"shell_agent_001\"} 1"))
  }

  @Test func whatIsAskedForAnewIsDoneAnew() throws {
    let home = try Home(system: Home.unlimited)
    _ = try runs(home)
    #expect(try runs(home, ["--no-cache"]).map { $0["cached"] as? Bool } == [nil, nil])
    #expect(try home.read("log").lines == ["1", "1"])
  }

  @Test func anotherInputIsAnotherTask() throws {
    let home = try Home(system: Home.unlimited)
    _ = try runs(home)
    _ = try runs(home, [], workflow.replacingOccurrences(of: "N: '1'", with: "N: '2'"))
    #expect(try home.read("log").lines == ["1", "2"])
  }

  @Test func whatIsTooOldIsDoneAnew() throws {
    let home = try Home(system: Home.unlimited)
    let short = workflow.replacingOccurrences(of: "cache: true", with: "cache: {max_age: 1h}")
    _ = try runs(home, [], short)
    try home.sql("UPDATE cache SET created_at = created_at - 3601000000")
    _ = try runs(home, [], short)
    _ = try runs(home, [], short)
    #expect(try home.read("log").lines == ["1", "1"])
  }

  @Test func aFailureIsNotKept() throws {
    let home = try Home(system: Home.unlimited)
    let failing = try home.made("f.yaml", "tasks: {a: {run: 'echo x >> ../../../../log; exit 3', cache: true}}\n")
    for _ in 1...2 { #expect(try home.astro("run", "-q", failing).code == 1) }
    #expect(try home.read("log").lines == ["x", "x"])
  }

  @Test func ofEqualTasksAtOneTimeOneIsDone() throws {
    let home = try Home(system: "max_parallel_tasks: 8\n  \(Home.unlimited)")
    let gate = try home.gate()
    try home.write(
      "tasks:\n"
        + (1...6).map { "  t\($0): {run: 'echo x >> \(home.path)/log; \(gate.pass)', cache: true}\n" }.joined(),
      to: "w.yaml")
    let command = try home.start("run", "-q", "w.yaml")
    try gate.waitForTask()
    gate.letOn()
    #expect(try command.finish().code == 0)
    #expect(try home.read("log").lines == ["x"])
    #expect(Set(try home.tasks(of: "@latest").values) == ["succeeded 1"])
  }

  @Test func oneThatDiesWhileOthersWaitLeavesNobodyWaiting() throws {
    let home = try Home(system: "max_parallel_tasks: 8\n  \(Home.unlimited)")
    let failing = try home.made(
      "w.yaml",
      "tasks:\n" + (1...3).map { "  t\($0): {run: 'echo x >> \(home.path)/log; exit 1', cache: true}\n" }.joined())
    #expect(try home.astro("run", "-q", failing).code == 1)
    #expect(try home.read("log").lines == ["x", "x", "x"])
  }

  @Test func aHitWaitsForNoLimit() throws {
    let home = try Home(
      system: "rate_limits: {task_submission: {max_requests: 1, window_seconds: 3600}, workflow_creation: unlimited}")
    let path = try home.made("w.yaml", "tasks: {a: {run: 'echo x >> \(home.path)/log', cache: true}}\n")
    for _ in 1...3 { #expect(try home.astro("run", "-q", path).code == 0) }
    #expect(try home.read("log").lines == ["x"])
    #expect(try home.sql("SELECT count(*) FROM attempt WHERE cached = 1") == "2")
  }

  @Test func whatWaitsForALimitIsSparedByAnEqualTask() throws {
    let home = try Home(
      system: "rate_limits: {task_submission: {max_requests: 1, window_seconds: 3600}, workflow_creation: unlimited}")
    let path = try home.made(
      "w.yaml",
      "tasks:\n" + (1...4).map { "  t\($0): {run: 'echo x >> \(home.path)/log', cache: true}\n" }.joined())
    #expect(try home.astro("run", "-q", path).code == 0)
    #expect(try home.read("log").lines == ["x"])
  }

  @Test func aResultStaysWhenADemandForANewerOneFails() throws {
    let home = try Home(system: Home.unlimited)
    let old = try home.made("old.yaml", "tasks: {a: {run: 'cat \(home.path)/there', cache: true}}\n")
    let new = try home.made("new.yaml", "tasks: {a: {run: 'cat \(home.path)/there', cache: {max_age: 1h}}}\n")
    try home.write("what it said\n", to: "there")
    #expect(try home.astro("run", "-q", old).code == 0)
    try home.sql("UPDATE cache SET created_at = created_at - 7200000000")
    #expect(unlink("\(home.path)/there") == 0)
    #expect(try home.astro("run", "-q", new).code == 1)
    #expect(try home.astro("run", "-q", old).code == 0)
    #expect(try home.astro("logs", "@latest", "a").output.contains("what it said"))
  }

  @Test func aResultIsKeptThoughItsRunnerWasKilled() throws {
    let home = try Home(system: Home.unlimited)
    let gate = try home.gate()
    let text = "tasks: {a: {run: 'echo x >> \(home.path)/log; \(gate.pass); echo said', cache: true}}\n"
    try home.submit(text)
    let runner = try home.start("drain")
    try gate.waitForTask()
    try runner.kill()
    gate.letOn()
    #expect(try home.astro("drain").code == 0)
    try home.drain(text, as: "again.yaml")
    #expect(try home.read("log").lines == ["x"])
    #expect(try home.astro("logs", "@latest", "a").output.contains("said"))
  }

  @Test func whoFollowsAnotherRunnerSaysSoOnceAndTakesItsResult() throws {
    let home = try Home(system: Home.unlimited)
    let gate = try home.gate()
    let path = try home.made(
      "w.yaml", "name: equal\ntasks: {a: {run: 'echo x >> \(home.path)/log; \(gate.pass)', cache: true}}\n")
    let first = try home.start("run", "-q", path)
    try gate.waitForTask()
    let second = try home.start("run", "-q", path)
    try eventually("it follows") {
      try home.sql("SELECT count(*) FROM task WHERE state = 'waiting' AND not_before IS NULL") == "1"
    }
    let run = try home.sql("SELECT run FROM task WHERE state = 'waiting'")
    #expect(
      try home.astro("explain", run).output.contains(
        "an equal task is under way, and its result will do for this one too"))
    let causes = try home.astro("explain", run, "--json").output
    #expect(causes.contains("\"cause\":\"equal_task\""), "\(causes)")
    gate.letOn()
    #expect(try first.finish().code == 0)
    #expect(try second.finish().code == 0)
    #expect(try home.read("log").lines == ["x"])
    #expect(
      try home.events(of: run) == ["task_waiting", "workflow_started", "task_ended", "workflow_ended"])
  }

  @Test func whoFollowsOneWhoseRunnerDiesGoesOn() throws {
    let home = try Home(system: Home.unlimited)
    let gate = try home.gate()
    let path = try home.made("w.yaml", "tasks: {a: {run: 'echo x >> \(home.path)/log; \(gate.pass)', cache: true}}\n")
    let first = try home.start("run", "-q", path)
    try gate.waitForTask()
    let second = try home.start("run", "-q", path)
    try eventually("it follows") { try home.sql("SELECT count(*) FROM task WHERE state = 'waiting'") == "1" }
    try first.kill()
    try gate.waitForTask()
    gate.letOn()
    gate.letOn()
    #expect(try second.finish().code == 0)
    #expect(try home.read("log").lines == ["x", "x"])
  }

  /// Tasks of three kinds while agents are configured anew again and again: equal to ones that are done, and two equal ones
  /// of each that is new.
  @Test func aReloadWhileTasksAreLookedUpMakesNothingTwice() throws {
    let home = try Home(system: "max_parallel_tasks: 8\n  \(Home.unlimited)")
    func configure(_ mode: Int) throws {
      try home.write(
        """
        agents:
          - {id: sh, type: command}
          - {id: ai, type: llm, dialect: openai_chat, base_url: 'http://127.0.0.1:9', model: m, headers: {x-mode: '\(mode)'}}

        """, to: "config/agents.yaml")
    }
    func tasks(_ kind: String, _ numbers: Range<Int>) -> String {
      numbers.map { "  \(kind)\($0): {run: 'echo \($0) >> \(home.path)/log', cache: true}\n" }.joined()
    }
    try configure(0)
    try home.drain("tasks:\n" + tasks("a", 0..<100), as: "first.yaml")
    let watch = try home.start("watch")
    #expect(watch.logs("Watching"))
    try home.submit("tasks:\n" + tasks("a", 0..<300) + tasks("b", 100..<300), as: "second.yaml")
    var reloads = 0
    try eventually("all is done") {
      reloads += 1
      try configure(reloads)
      watch.signal(SIGHUP)
      try #require(watch.logs("Configuration reloaded"))
      return home.names(in: "spool/done").count == 4
    }
    #expect(try home.read("log").lines.compactMap { Int($0) }.sorted() == Array(0..<300))
    #expect(
      try home.sql("SELECT count(*), count(DISTINCT run || ' ' || task), sum(cached) FROM attempt") == "600|600|300")
    #expect(try home.state(of: "second-") == "succeeded")
    #expect(try watch.stop().code == 0)
  }
}
