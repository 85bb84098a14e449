import Foundation
import Glibc
import Testing

/// What the built binary makes of odd surroundings: closed streams, text that is none, a configuration broken under a
/// runner, a journal that was emptied.
@Suite struct SurroundingsTests {
  @Test(arguments: [">&- 2>&-", "<&- 2>&-", "<&- >&- 2>&-"])
  func `what a closed stream would take lands in no file`(closing: String) throws {
    let home = try Home()
    try home.submit("typo: here\ntasks: {a: {run: 'true'}}\n")
    #expect(try home.shell("\"$0\" drain --home . \(closing)").code == 0)
    #expect(home.names(in: "spool/rejected").count == 2)
    for line in try home.read("logs/astro.log").lines { _ = try line.json() }
  }

  @Test func `an argument that is no text is refused, not repaired`() throws {
    let home = try Home()
    try home.write("params: {s: {type: string}}\ntasks: {a: {run: 'true'}}\n", to: "w.yaml")
    let ending = try home.shell(#"exec "$0" run w.yaml -p "s=$(printf '\377')""#)
    #expect(ending.code == 64)
    #expect(ending.errors.hasPrefix("astro: argument 4 is not valid UTF-8: s="))
    #expect(home.names(in: "data/runs").isEmpty)
  }

  @Test func `a probe answers for the runner, whatever became of the configuration`() throws {
    let home = try Home()
    let watch = try home.start("watch")
    try eventually("it watches") { try home.exists("data/health.json") && home.astro("health", "ready").code == 0 }
    try home.write("system: {nonsense: 1}\n", to: "config/system_config.yaml")
    let probe = try home.astro("health", "live")
    #expect(probe.code == 0, "\(probe)")
    _ = try probe.output.json()
    #expect(try home.astro("status").code == 78)
    #expect(try watch.stop().code == 0)
  }

  @Test(arguments: [(": > data/astro.sqlite", "is empty"), ("rm data/astro.sqlite", "is missing")])
  func `a journal that has forgotten its runs is not begun anew`(loss: String, flaw: String) throws {
    let home = try Home()
    try home.drain("tasks: {a: {run: 'true'}}\n")
    try #require(try home.shell("\(loss); rm -f data/astro.sqlite-wal data/astro.sqlite-shm").code == 0)
    try home.submit("tasks: {a: {run: 'true'}}\n")
    let pass = try home.astro("drain")
    #expect(pass.code == 72)
    #expect(
      pass.errors.contains(
        "data/astro.sqlite: the journal \(flaw), and data/runs holds runs it must know of; put it back from a backup, or "
          + "rebuild it: astro doctor --rebuild-journal"), "\(pass)")
    #expect(home.waiting == ["work.yaml"])
    // Nor is it when only what its commits were counted by is left.
    try #require(try home.shell("mv data/runs former").code == 0)
    #expect(
      try home.astro("drain").errors.contains(
        "data/astro.sqlite: the journal \(flaw), and commits were made to it; put it back from a backup, or rebuild it")
    )
    try #require(try home.shell("mv data former/data").code == 0)
    #expect(try home.astro("drain").code == 0)
    #expect(home.waiting.isEmpty)
  }

  @Test func `what is no run beside a new journal is none of its business`() throws {
    let home = try Home()
    try home.write("of the volume", to: "data/runs/lost+found/x")
    try home.drain("tasks: {a: {run: 'true'}}\n")
    #expect(home.names(in: "spool/done").count == 2)
  }

  @Test func `run.json says how a run is from its start on`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit("tasks: {a: {run: '\(gate.pass)'}}\n")
    let drain = try home.start("drain")
    try gate.waitForTask()
    let run = try #require(home.names(in: "data/runs").first)
    func state() throws -> String? { try home.read("data/runs/\(run)/run.json").json()["state"] as? String }
    try eventually("it runs") { try home.exists("data/runs/\(run)/run.json") && state() == "running" }
    #expect(try home.astro("hold", run).code == 0)
    try eventually("it is held") { try state() == "held" }
    gate.letOn()
    #expect(try drain.finish().code == 0)
    #expect(try state() == "succeeded")
  }

  @Test func `explain tells of the task that is asked about, also when the run has ended`() throws {
    let home = try Home()
    try home.drain("tasks: {a: {run: 'exit 3'}, b: {run: 'true'}, c: {needs: a, run: 'true'}}\n")
    let run = try home.run(in: "failed")
    #expect(try home.astro("explain", run, "b").output.hasSuffix("\nb succeeded\n"))
    #expect(try home.astro("explain", run, "c").output.hasSuffix("\nc upstream_failed: need 'a' failed\n"))
    #expect(try home.astro("explain", run, "a").output.contains("\na failed: exited with code 3\n"))
  }

  @Test func `a task whose agent is gone says so, and degrades the health`() throws {
    let home = try Home()
    let agents = try home.read("config/agents.yaml")
    try home.submit("tasks: {a: {agent: shell_agent_001, run: 'exit 1'}}\n")
    #expect(try home.astro("drain").code == 1)
    let run = try home.run(in: "failed")
    #expect(try home.astro("retry", run).code == 0)
    try home.write(agents.replacing("shell_agent_001", with: "another"), to: "config/agents.yaml")
    #expect(try home.astro("drain").code == 0)
    let told = try home.astro("explain", run, "a").output
    #expect(
      told.contains(
        "it asks for agent 'shell_agent_001', and none is configured: add one to config/agents.yaml, or cancel the run"),
      "\(told)")
    #expect(
      try home.read("data/health.json").contains("tasks wait for agent 'shell_agent_001', and none is configured"))
  }
}
