import Foundation
import Glibc
import Testing

@Suite struct RunnerSignalTests {
  private static let oneAnHour =
    "rate_limits: {task_submission: unlimited, workflow_creation: {max_requests: 1, window_seconds: 1h}}"

  private func watching(_ home: ScratchHome, _ arguments: String...) throws -> RunningAstro {
    let watch = arguments.isEmpty ? try home.start("watch") : try home.start("watch", arguments[0], arguments[1])
    try eventually("it watches") { watch.err.contains("Watching") }
    return watch
  }

  @Test(arguments: [SIGTERM, SIGINT])
  func `a watcher lets its tasks finish, takes no more, and exits with 0`(signal: Int32) throws {
    let home = try ScratchHome()
    let pipe = try home.makePipe("gate")
    let watch = try watching(home)
    try home.drop(Workflows.gated(by: pipe, marker: home.path + "/ran"), as: "a.yaml")
    try eventually("the task runs") { home.read("ran") != nil }
    watch.signal(signal)
    try eventually("it is stopping") { watch.err.contains("Stopping") }
    try home.drop(Workflows.succeeding, as: "late.yaml")
    try home.release(pipe)
    #expect(watch.finish().code == 0)
    #expect(home.waiting == ["late.yaml"])
    #expect(home.read("ran.second") == nil, "nothing new starts")
    #expect(try home.astro("drain").code == 0)
    #expect(home.read("ran") == "x\n")
    #expect(home.read("ran.second") == "x\n")
    #expect(home.names("spool/done").count == 4)
  }

  @Test func `a second signal makes it leave at once, and the next runner takes over what still runs`() throws {
    let home = try ScratchHome()
    let pipe = try home.makePipe("gate")
    let watch = try watching(home)
    try home.drop(Workflows.gated(by: pipe, marker: home.path + "/ran"), as: "a.yaml")
    try eventually("the task runs") { home.read("ran") != nil }
    watch.signal(SIGTERM)
    try eventually("it is stopping") { watch.err.contains("Stopping") }
    watch.signal(SIGTERM)
    #expect(watch.finish().code == 130)
    #expect(try home.state(of: "@latest") == "running")
    let drain = try home.start("drain")
    try eventually("it is adopted") { home.read("logs/astro.log")?.contains("Run adopted") == true }
    try home.release(pipe)
    #expect(drain.finish().code == 0)
    #expect(home.read("ran") == "x\n")
    #expect(home.read("ran.second") == "x\n")
  }

  @Test func `tasks that go on beyond the grace are left to the next runner`() throws {
    let home = try ScratchHome()
    let pipe = try home.makePipe("gate")
    let watch = try watching(home, "--grace", "0s")
    try home.drop(Workflows.gated(by: pipe, marker: home.path + "/ran"), as: "a.yaml")
    try eventually("the task runs") { home.read("ran") != nil }
    watch.signal(SIGTERM)
    #expect(watch.finish().code == 0)
    try home.release(pipe)
    #expect(try home.astro("drain").code == 0)
    #expect(home.read("ran") == "x\n")
    #expect(try home.state(of: "@latest") == "succeeded")
  }

  @Test func `a pass that is interrupted exits with 130`() throws {
    let home = try ScratchHome()
    let pipe = try home.makePipe("gate")
    try home.drop(Workflows.gated(by: pipe, marker: home.path + "/ran"), as: "a.yaml")
    let drain = try home.start("drain", "--grace", "0s")
    try eventually("the task runs") { home.read("ran") != nil }
    drain.signal(SIGINT)
    #expect(drain.finish().code == 130)
    try home.release(pipe)
    #expect(try home.astro("drain").code == 0)
    #expect(home.read("ran") == "x\n")
  }

  @Test func `after its time a pass starts nothing more, and the rest waits`() throws {
    let home = try ScratchHome()
    try home.drop(Workflows.succeeding, as: "a.yaml")
    #expect(try home.astro("drain", "--max-time", "0s").code == 0)
    #expect(home.names("spool/done").isEmpty)
    #expect(try home.astro("drain").code == 0)
    #expect(home.names("spool/done").count == 2)
  }

  @Test func `a time that is none is a usage error`() throws {
    let home = try ScratchHome()
    #expect(try home.astro("drain", "--max-time", "soon").code == 64)
  }

  // MARK: SIGHUP

  @Test func `a reloaded configuration opens a limit at once`() throws {
    let home = try ScratchHome(Self.oneAnHour)
    let watch = try watching(home)
    for name in ["a", "b"] { try home.drop(Workflows.succeeding, as: "\(name).yaml") }
    try eventually("one is done, the other is throttled") {
      home.names("spool/done").count == 2 && watch.err.contains("Rate limit exceeded")
    }
    try home.configure("rate_limits: {workflow_creation: unlimited}")
    watch.signal(SIGHUP)
    try eventually("the other is done, too") { home.names("spool/done").count == 4 }
    #expect(watch.err.contains("Configuration reloaded"))
    watch.signal(SIGTERM)
    #expect(watch.finish().code == 0)
  }

  @Test func `a limit that is cleared lets a watcher go on`() throws {
    let home = try ScratchHome(Self.oneAnHour)
    let watch = try watching(home)
    for name in ["a", "b"] { try home.drop(Workflows.succeeding, as: "\(name).yaml") }
    try eventually("one is done, the other is throttled") {
      home.names("spool/done").count == 2 && watch.err.contains("Rate limit exceeded")
    }
    #expect(try home.astro("limits", "clear").out == "1 cleared\n")
    try eventually("the other is done, too") { home.names("spool/done").count == 4 }
  }

  @Test func `a broken configuration is logged and the old one stays`() throws {
    let home = try ScratchHome()
    let watch = try watching(home)
    try home.configure("log_levle: DEBUG")
    watch.signal(SIGHUP)
    try eventually("it is logged") { home.read("logs/astro.log")?.contains("Configuration not reloaded") == true }
    let line = home.read("logs/astro.log")?.split(separator: "\n").first { $0.contains("Configuration not reloaded") }
    let fields = try #require(
      try JSONSerialization.jsonObject(with: Data(String(line ?? "").utf8)) as? [String: Any])
    #expect(fields["level"] as? String == "ERROR")
    #expect(fields["error"] as? String == "config/system_config.yaml:2:3: unknown key 'log_levle'")
    #expect(fields["hint"] as? String == "did you mean 'log_level'?")
    try home.drop(Workflows.succeeding, as: "a.yaml")
    try eventually("it goes on") { home.names("spool/done").count == 2 }
  }

  @Test func `new agents, another level and a rotated log are taken up`() throws {
    let home = try ScratchHome()
    let watch = try watching(home)
    let wish = "tasks: {a: {run: 'true', capabilities: [gpu]}}\n"
    try home.drop(wish, as: "early.yaml")
    try eventually("nobody can take it") { home.names("spool/rejected").count == 2 }
    try home.write(
      "agents:\n  - {id: big, type: command, capabilities: [gpu]}\n", to: "config/agents.yaml")
    try home.configure("log_level: ERROR")
    rename(home.path + "/logs/astro.log", home.path + "/logs/astro.log.1")
    watch.signal(SIGHUP)
    try eventually("the log is a new file") { home.read("logs/astro.log")?.contains("Log reopened") == true }
    try home.drop(wish, as: "late.yaml")
    try eventually("the new agent has taken it") { home.names("spool/done").count == 2 }
    #expect(home.read("logs/astro.log")?.contains("Task execution started") == false, "only errors are recorded now")
  }

  @Test func `what cannot change while it runs is said to need a start`() throws {
    let home = try ScratchHome()
    let watch = try watching(home)
    try home.configure("spool_dir: elsewhere")
    watch.signal(SIGHUP)
    try eventually("it is said") {
      home.read("logs/astro.log")?.contains("Setting takes effect at the next start") == true
    }
    #expect(home.read("logs/astro.log")?.contains("\"key\":\"spool_dir\"") == true)
    try home.drop(Workflows.succeeding, as: "a.yaml")
    try eventually("the old spool is still served") { home.names("spool/done").count == 2 }
  }
}
