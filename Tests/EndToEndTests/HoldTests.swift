import Foundation
import Testing

@Suite struct Hold {
  /// `first` runs until it is let on, `second` follows.
  private func workflow(_ gate: Gate) -> String {
    """
    tasks:
      first: {run: '\(gate.pass)'}
      second: {needs: [first], run: echo x >> followed}

    """
  }

  /// A pass at work on the run, with `first` started and held after it.
  private func heldInAPass(_ home: Home) throws -> (String, Command, Gate) {
    let gate = try home.gate()
    try home.submit(workflow(gate))
    let drain = try home.start("drain")
    try gate.waitForTask()
    let id = try home.run(in: "active")
    #expect(try home.astro("hold", id).code == 0)
    try eventually("it is held") { try home.log("Workflow held").count == 1 }
    return (id, drain, gate)
  }

  @Test func aHeldRunFinishesWhatRunsAndStartsNothingMore() throws {
    let home = try Home()
    let gate = try home.gate()
    let watcher = try home.start("watch")
    #expect(watcher.logs("Watching"))
    try home.submit(workflow(gate))
    try gate.waitForTask()
    let id = try home.run(in: "active")
    #expect(try home.astro("hold", id).output == "\(id): held; let it go on with: astro release \(id)\n")
    #expect(watcher.logs("Workflow held"))
    #expect(try home.state(of: id) == "held")
    gate.letOn()
    #expect(watcher.logs("Task execution completed"))
    #expect(try home.state(of: id) == "held")
    #expect(try home.astro("explain", id).output.contains("held; let it go on with: astro release \(id)"))
    #expect(try home.astro("release", id).output == "\(id): released\n")
    #expect(watcher.logs("Workflow completed"))
    #expect(try watcher.stop().code == 0)
    #expect(try home.state(of: id) == "succeeded")
    #expect(try home.lines("followed", of: id).count == 1)
    #expect(
      try home.events(of: id).filter { $0.hasPrefix("workflow_") && $0 != "workflow_started" } == [
        "workflow_accepted", "workflow_held", "workflow_released", "workflow_ended",
      ])
  }

  @Test func aDrainLeavesAHeldRunAndTheNextPassFindsItHeld() throws {
    let home = try Home()
    let (id, drain, gate) = try heldInAPass(home)
    gate.letOn()
    #expect(try drain.finish().code == 0)
    #expect(try home.state(of: id) == "held")
    #expect(home.names(in: "spool/active") == ["\(id).yaml"])
    #expect(try home.astro("drain").code == 0)
    #expect(try home.tasks(of: id) == ["first": "succeeded 1", "second": "pending 0"])
    #expect(try home.astro("release", id).code == 0)
    #expect(try home.state(of: id) == "running")
    #expect(try home.astro("drain").code == 0)
    #expect(try home.tasks(of: id) == ["first": "succeeded 1", "second": "succeeded 1"])
    #expect(home.names(in: "spool/done") == ["\(id).receipt.json", "\(id).yaml"])
  }

  @Test func aHoldWorksAndLastsWhenTheRunnerIsDead() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit(workflow(gate))
    let watcher = try home.start("watch")
    try gate.waitForTask()
    let id = try home.run(in: "active")
    try watcher.kill()
    #expect(try home.astro("hold", id).code == 0)
    #expect(try home.state(of: id) == "held")
    gate.letOn()
    #expect(try home.astro("drain").code == 0)
    #expect(try home.tasks(of: id) == ["first": "succeeded 1", "second": "pending 0"])
    #expect(try home.state(of: id) == "held")
  }

  @Test func startsRecordedAheadAreTakenBack() throws {
    let home = try Home(system: "max_parallel_tasks: 1")
    let gate = try home.gate()
    try home.submit(
      """
      tasks:
        first: {run: '\(gate.pass)'}
        other: {run: echo x >> other}
        third: {run: echo x >> other}

      """)
    let drain = try home.start("drain")
    try gate.waitForTask()
    let id = try home.run(in: "active")
    try home.astro("hold", id)
    try eventually("it is held") { try home.log("Workflow held").count == 1 }
    gate.letOn()
    #expect(try drain.finish().code == 0)
    #expect(!home.exists("data/runs/\(id)/files/other"))
    #expect(try home.tasks(of: id) == ["first": "succeeded 1", "other": "pending 0", "third": "pending 0"])
    try home.astro("release", id)
    #expect(try home.astro("drain").code == 0)
    #expect(try home.tasks(of: id) == ["first": "succeeded 1", "other": "succeeded 1", "third": "succeeded 1"])
  }

  @Test func aCancelEndsAHeldRun() throws {
    let home = try Home()
    let (id, drain, _) = try heldInAPass(home)
    #expect(try home.astro("cancel", id).code == 0)
    _ = try drain.finish()
    #expect(try home.state(of: id) == "cancelled")
    #expect(home.names(in: "spool/cancelled") == ["\(id).receipt.json", "\(id).yaml"])
  }

  @Test func holdingTwiceAndReleasingWhatIsNotHeldChangeNothing() throws {
    let home = try Home()
    let (id, drain, gate) = try heldInAPass(home)
    #expect(try home.astro("hold", id).output == "\(id): is held already; let it go on with: astro release \(id)\n")
    try home.astro("release", id)
    let again = try home.astro("release", id)
    #expect(again.code == 64 && again.output == "")
    #expect(again.errors == "astro: \(id): is not held, it is running: there is nothing to release\n")
    gate.letOn()
    #expect(try drain.finish().code == 0)
    #expect(try home.events(of: id).count { $0 == "workflow_held" } == 1)
    let ended = try home.astro("hold", id)
    #expect(ended.code == 66)
    #expect(ended.errors == "astro: \(id): has ended already (succeeded); nothing of it is left to hold\n")
    #expect(try home.astro("release", "nothing").code == 66)
    let over = try home.astro("release", id)
    #expect(over.code == 66)
    #expect(
      over.errors == "astro: \(id): has ended already (succeeded); run it again with: astro retry \(id)\n")
  }
}
