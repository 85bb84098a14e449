import Foundation
import Glibc
import Testing

@Suite struct RunnerSignalTests {
  private static let oneAnHour =
    "rate_limits: {task_submission: unlimited, workflow_creation: {max_requests: 1, window_seconds: 1h}}"

  private func watching(_ home: Home, _ arguments: String...) throws -> Command {
    let watch = try home.start(["watch"] + arguments)
    #expect(watch.logs("Watching"))
    return watch
  }

  @Test(arguments: [SIGTERM, SIGINT])
  func `a watcher lets its tasks finish, takes no more, and exits with 0`(signal: Int32) throws {
    let home = try Home()
    let gate = try home.gate()
    let watch = try watching(home)
    try home.submit(Workflows.gated(by: gate), as: "a.yaml")
    try gate.waitForTask()
    watch.signal(signal)
    #expect(watch.logs("Stopping"))
    try home.submit(Workflows.succeeding, as: "late.yaml")
    gate.letOn()
    #expect(try watch.finish().code == 0)
    #expect(home.waiting == ["late.yaml"])
    #expect(!home.exists("ran-second"), "nothing new starts")
    #expect(try home.astro("drain").code == 0)
    #expect(try home.read("ran") == "x\n")
    #expect(try home.read("ran-second") == "x\n")
    #expect(home.names(in: "spool/done").count == 4)
  }

  @Test func `a second signal makes it leave at once, and the next runner takes over what still runs`() throws {
    let home = try Home()
    let gate = try home.gate()
    let watch = try watching(home)
    try home.submit(Workflows.gated(by: gate), as: "a.yaml")
    try gate.waitForTask()
    watch.signal(SIGTERM)
    #expect(watch.logs("Stopping"))
    watch.signal(SIGTERM)
    #expect(try watch.finish().code == 130)
    #expect(try home.state(of: "@latest") == "running")
    let drain = try home.start("drain")
    try eventually("it is adopted") { try home.log("Run adopted").count == 1 }
    gate.letOn()
    #expect(try drain.finish().code == 0)
    #expect(try home.read("ran") == "x\n")
    #expect(try home.read("ran-second") == "x\n")
  }

  @Test func `tasks that go on beyond the grace are left to the next runner`() throws {
    let home = try Home()
    let gate = try home.gate()
    let watch = try watching(home, "--grace", "0s")
    try home.submit(Workflows.gated(by: gate), as: "a.yaml")
    try gate.waitForTask()
    #expect(try watch.stop().code == 0)
    gate.letOn()
    #expect(try home.astro("drain").code == 0)
    #expect(try home.read("ran") == "x\n")
    #expect(try home.state(of: "@latest") == "succeeded")
  }

  @Test func `a pass that is interrupted exits with 130`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit(Workflows.gated(by: gate), as: "a.yaml")
    let drain = try home.start("drain", "--grace", "0s")
    try gate.waitForTask()
    drain.signal(SIGINT)
    #expect(try drain.finish().code == 130)
    gate.letOn()
    #expect(try home.astro("drain").code == 0)
    #expect(try home.read("ran") == "x\n")
  }

  @Test func `after its time a pass starts nothing more, and the rest waits`() throws {
    let home = try Home()
    try home.submit(Workflows.succeeding, as: "a.yaml")
    #expect(try home.astro("drain", "--max-time", "0s").code == 0)
    #expect(home.names(in: "spool/done").isEmpty)
    #expect(try home.astro("drain").code == 0)
    #expect(home.names(in: "spool/done").count == 2)
  }

  @Test func `a time that is none is a usage error`() throws {
    let home = try Home()
    #expect(try home.astro("drain", "--max-time", "soon").code == 64)
  }

  // MARK: SIGHUP

  @Test func `a reloaded configuration opens a limit at once`() throws {
    let home = try Home(system: Self.oneAnHour)
    let watch = try watching(home)
    for name in ["a", "b"] { try home.submit(Workflows.succeeding, as: "\(name).yaml") }
    #expect(watch.logs("Rate limit exceeded"))
    try eventually("one is done") { home.names(in: "spool/done").count == 2 }
    try home.configure("rate_limits: {workflow_creation: unlimited}")
    watch.signal(SIGHUP)
    #expect(watch.logs("Configuration reloaded"))
    try eventually("the other is done, too") { home.names(in: "spool/done").count == 4 }
    #expect(try watch.stop().code == 0)
  }

  @Test func `a limit that is cleared lets a watcher go on`() throws {
    let home = try Home(system: Self.oneAnHour)
    let watch = try watching(home)
    for name in ["a", "b"] { try home.submit(Workflows.succeeding, as: "\(name).yaml") }
    #expect(watch.logs("Rate limit exceeded"))
    try eventually("one is done") { home.names(in: "spool/done").count == 2 }
    #expect(try home.astro("limits", "clear").output == "1 cleared\n")
    try eventually("the other is done, too") { home.names(in: "spool/done").count == 4 }
  }

  @Test func `a broken configuration is logged and the old one stays`() throws {
    let home = try Home()
    let watch = try watching(home)
    try home.configure("log_levle: DEBUG")
    watch.signal(SIGHUP)
    #expect(watch.logs("Configuration not reloaded"))
    let fields = try #require(try home.log("Configuration not reloaded").first).json()
    #expect(fields["level"] as? String == "ERROR")
    #expect(fields["error"] as? String == "config/system_config.yaml:2:3: unknown key 'log_levle'")
    #expect(fields["hint"] as? String == "did you mean 'log_level'?")
    try home.submit(Workflows.succeeding, as: "a.yaml")
    try eventually("it goes on") { home.names(in: "spool/done").count == 2 }
  }

  @Test func `a past of agents that cannot be read is not taken for none`() throws {
    let home = try Home()
    let watch = try watching(home)
    try home.submit(Workflows.succeeding, as: "a.yaml")
    try eventually("it works") { home.names(in: "spool/done").count == 2 }
    try home.sql("ALTER TABLE agent RENAME TO lost")
    watch.signal(SIGHUP)
    try eventually("it stops") { try home.log("Runner failed").count == 1 }
    #expect(try home.log("Configuration reloaded").isEmpty)
    #expect(try watch.finish().code != 0)
  }

  @Test func `new agents, another level and a rotated log are taken up`() throws {
    let home = try Home()
    let watch = try watching(home)
    let wish = "tasks: {a: {run: 'true', capabilities: [gpu]}}\n"
    try home.submit(wish, as: "early.yaml")
    try eventually("nobody can take it") { home.names(in: "spool/rejected").count == 2 }
    try home.write(
      "agents:\n  - {id: big, type: command, capabilities: [gpu]}\n", to: "config/agents.yaml")
    try home.configure("log_level: ERROR")
    rename(home.path + "/logs/astro.log", home.path + "/logs/astro.log.1")
    watch.signal(SIGHUP)
    try eventually("the log is a new file") { try home.log("Log reopened").count == 1 }
    try home.submit(wish, as: "late.yaml")
    try eventually("the new agent has taken it") { home.names(in: "spool/done").count == 2 }
    #expect(try home.log("Task execution started").isEmpty, "only errors are recorded now")
  }

  @Test func `what cannot change while it runs is said to need a start`() throws {
    let home = try Home()
    let watch = try watching(home)
    try home.configure("spool_dir: elsewhere")
    watch.signal(SIGHUP)
    #expect(watch.logs("Setting takes effect at the next start"))
    #expect(try home.log("Setting takes effect at the next start").contains { $0.contains("\"key\":\"spool_dir\"") })
    try home.submit(Workflows.succeeding, as: "a.yaml")
    try eventually("the old spool is still served") { home.names(in: "spool/done").count == 2 }
  }
}
