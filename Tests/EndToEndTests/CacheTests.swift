import Foundation
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
}
