import Foundation
import Glibc
import Testing

@Suite struct CancelTests {
  @Test func `a running run is ended by its runner`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit(Workflows.gated(by: gate), as: "a.yaml")
    let watch = try home.start("watch")
    try gate.waitForTask()
    let outcome = try home.astro("cancel", "a-")
    #expect(outcome.code == 0)
    #expect(outcome.output.hasSuffix(": asked to end\n"))
    #expect(outcome.errors.isEmpty)
    try eventually("its file is settled") { home.names(in: "spool/cancelled").count == 2 }
    #expect(try home.state(of: "a-") == "cancelled")
    #expect(!home.exists("ran-second"))
    #expect(try watch.stop().code == 0)
  }

  @Test func `a run that waits for a slot never starts`() throws {
    let home = try Home(system: "max_parallel_tasks: 1")
    let gate = try home.gate()
    try home.submit("priority: 1\n" + Workflows.gated(by: gate), as: "a.yaml")
    try home.submit("tasks: {t: {run: 'echo x > \"\(home.path)/other\"'}}\n", as: "b.yaml")
    let drain = try home.start("drain")
    try gate.waitForTask()
    try eventually("both are runs") { home.names(in: "spool/active").count == 2 }
    #expect(try home.astro("cancel", "b-").code == 0)
    try eventually("it is cancelled") { try home.state(of: "b-") == "cancelled" }
    gate.letOn()
    #expect(try drain.finish().code == 0)
    #expect(!home.exists("other"))
    #expect(try home.state(of: "a-") == "succeeded")
  }

  @Test func `a run whose runner is gone ends when the next one comes`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit(Workflows.gated(by: gate), as: "a.yaml")
    let watch = try home.start("watch")
    try gate.waitForTask()
    try watch.kill()
    let outcome = try home.astro("cancel", "@latest")
    #expect(outcome.code == 0)
    #expect(outcome.errors.hasSuffix(": its runner is gone; it ends when astro watch or astro drain takes it over\n"))
    #expect(try home.state(of: "@latest") == "running")
    #expect(try home.astro("drain").code == 0)
    #expect(try home.state(of: "@latest") == "cancelled")
    #expect(try home.read("ran") == "x\n", "the task was not begun again")
    #expect(!home.exists("ran-second"))
  }

  @Test func `what is done after a cancel waits for its limit`() throws {
    let home = try Home(system: "rate_limits: {task_submission: {max_requests: 1, window_seconds: 2}}")
    let gate = try home.gate()
    try home.submit(
      Workflows.gated(by: gate) + "  last: {needs: [second], if: always(), run: 'echo x > \"$ASTRO_HOME/last\"'}\n",
      as: "a.yaml")
    let watch = try home.start("watch")
    try gate.waitForTask()
    #expect(try home.astro("cancel", "a-").code == 0)
    try eventually("its file is settled") { home.names(in: "spool/cancelled").count == 2 }
    #expect(try home.read("last") == "x\n")
    #expect(try watch.stop().code == 0)
  }

  @Test func `a run that has ended cannot be cancelled`() throws {
    let home = try Home()
    try home.submit(Workflows.succeeding, as: "a.yaml")
    try home.astro("drain")
    let outcome = try home.astro("cancel", "a-")
    #expect(outcome.code == 66)
    #expect(outcome.output.isEmpty)
    #expect(outcome.errors.contains(": has ended already: succeeded at 20"))
    #expect(try home.state(of: "a-") == "succeeded")
  }

  @Test func `a submitted file that still waits is taken back as a cancelled run`() throws {
    let home = try Home()
    try home.write("{user: \(NSUserName()), tasks: {a: {run: 'true'}}}\n", to: "a.yaml")
    let id = try #require(try home.astro("submit", "a.yaml").output.lines.first)
    let outcome = try home.astro("cancel", id)
    #expect(outcome.code == 0)
    #expect(outcome.output == "\(id): cancelled, it had not started\n")
    #expect(home.waiting.isEmpty)
    #expect(home.names(in: "spool/cancelled") == ["\(id).receipt.json", "\(id).yaml"])
    #expect(try home.read("spool/cancelled/\(id).receipt.json").contains("\"status\":\"cancelled\""))
    #expect(try home.astro("drain").code == 0)
    #expect(try home.state(of: id) == "cancelled")
    #expect(try home.astro("cancel", id).code == 66)
  }

  @Test func `one that cannot be cancelled does not keep the others`() throws {
    let home = try Home()
    try home.write(Workflows.succeeding, to: "a.yaml")
    let ids = try home.astro("submit", "a.yaml", "a.yaml").output.lines
    let outcome = try home.astro("cancel", ids[0], "nope", ids[1])
    #expect(outcome.code == 66)
    #expect(outcome.output.lines == ids.map { "\($0): cancelled, it had not started" })
    #expect(outcome.errors == "astro: nope: no such run; astro list shows those there are\n")
  }

  @Test func `what a watcher holds back can be taken back under its eyes`() throws {
    let home = try Home(system: "rate_limits: {workflow_creation: {max_requests: 1, window_seconds: 1h}}")
    try home.write(Workflows.succeeding, to: "a.yaml")
    let ids = try home.astro("submit", "a.yaml", "a.yaml", "a.yaml").output.lines
    let watch = try home.start("watch")
    #expect(watch.logs("Rate limit exceeded"))
    try eventually("one has run, the others are held back") {
      home.names(in: "spool/done").count == 2 && home.waiting.count == 2
    }
    let held = home.waiting.map { String($0.dropLast(5)) }
    #expect(Set(held).isSubset(of: ids))
    #expect(try home.astro("cancel", held[0]).output == "\(held[0]): cancelled, it had not started\n")
    try home.astro("limits", "clear")
    try eventually("the last has run") { home.names(in: "spool/done").count == 4 }
    #expect(try home.state(of: held[0]) == "cancelled")
    #expect(try home.state(of: held[1]) == "succeeded")
    #expect(try watch.stop().code == 0)
  }

  @Test(arguments: ["nightly.yaml", "spool/nightly.yaml"])
  func `a file that somebody copied in is taken back as well`(name: String) throws {
    let home = try Home()
    try home.submit("name: report\n" + Workflows.succeeding, as: "nightly.yaml")
    let outcome = try home.astro("cancel", name)
    #expect(outcome.code == 0)
    let id = try #require(outcome.output.split(separator: ":").first.map(String.init))
    #expect(id.hasPrefix("report-20"))
    #expect(outcome.output == "\(id): cancelled, it had not started\n")
    #expect(home.waiting.isEmpty)
    #expect(home.names(in: "spool/cancelled") == ["\(id).receipt.json", "\(id).yaml"])
    #expect(try home.read("spool/cancelled/\(id).receipt.json").contains("\"file\":\"nightly.yaml\""))
    #expect(try home.astro("drain").code == 0)
    #expect(try home.state(of: id) == "cancelled")
    #expect(try home.astro("cancel", name).code == 66, "it is no file in the spool any more")
  }

  @Test func `a file that no runner would take is not taken back either`() throws {
    let home = try Home()
    try FileManager.default.createSymbolicLink(atPath: home.path + "/spool/l.yaml", withDestinationPath: "/etc/passwd")
    let outcome = try home.astro("cancel", "l.yaml")
    #expect(outcome.code == 64)
    #expect(outcome.errors.hasPrefix("astro: l.yaml: cannot become a run, a runner will reject it: "))
    #expect(home.waiting == ["l.yaml"])
    try home.submit("tasks: {a: {run: x}}", as: "cut.yaml")
    let cut = try home.astro("cancel", "cut.yaml")
    #expect(cut.code == 75)
    #expect(cut.errors == "astro: cut.yaml: its file is not whole; remove it, or try again when it is\n")
    #expect(try home.astro("cancel", "done").code == 66, "a place of the spool is no file")
  }
}
