import Foundation
import Testing

/// `first` runs until `go` is there, `second` follows.
private let workflow = """
  tasks:
    first: {run: 'echo x >> started; until test -e go; do sleep 0.02; done'}
    second: {needs: [first], run: echo x >> followed}

  """

@Suite struct Hold {
  /// A pass at work on the run, with `first` started and held after it.
  private func heldInAPass(_ home: ControlHome) throws -> (String, Following) {
    try home.submit(workflow)
    let drain = try Following(home, "drain")
    try drain.line(with: "Task execution started")
    let id = try home.id(in: "active")
    #expect(try home.run("hold", id).code == 0)
    try drain.line(with: "Workflow held")
    return (id, drain)
  }

  private func letGo(_ home: ControlHome, _ id: String) throws { try home.write("", "data/runs/\(id)/files/go") }

  @Test func aHeldRunFinishesWhatRunsAndStartsNothingMore() throws {
    let home = try ControlHome()
    let watcher = try Following(home, "watch")
    try watcher.line(with: "Watching")
    try home.submit(workflow)
    try watcher.line(with: "Task execution started")
    let id = try home.id(in: "active")
    #expect(try home.run("hold", id).output == "\(id): held; let it go on with: astro release \(id)\n")
    try watcher.line(with: "Workflow held")
    #expect(try home.state(id) == "held")
    try letGo(home, id)
    try watcher.line(with: "Task execution completed")
    #expect(try home.state(id) == "held")
    #expect(try home.run("explain", id).output.contains("held; let it go on with: astro release \(id)"))
    #expect(try home.run("release", id).output == "\(id): released\n")
    try watcher.line(with: "Workflow completed")
    #expect(watcher.stop() == 0)
    #expect(try home.state(id) == "succeeded")
    #expect(home.lines(id, "followed").count == 1)
    #expect(
      home.events(id).filter { $0.hasPrefix("workflow_") && $0 != "workflow_started" } == [
        "workflow_accepted", "workflow_held", "workflow_released", "workflow_ended",
      ])
  }

  @Test func aDrainLeavesAHeldRunAndTheNextPassFindsItHeld() throws {
    let home = try ControlHome()
    let (id, drain) = try heldInAPass(home)
    try letGo(home, id)
    #expect(drain.wait() == 0)
    #expect(try home.state(id) == "held")
    #expect(home.files("spool/active") == ["\(id).yaml"])
    #expect(try home.run("drain").code == 0)
    #expect(try home.tasks(id) == ["first": "succeeded 1", "second": "pending 0"])
    #expect(try home.run("release", id).code == 0)
    #expect(try home.state(id) == "running")
    #expect(try home.run("drain").code == 0)
    #expect(try home.tasks(id) == ["first": "succeeded 1", "second": "succeeded 1"])
    #expect(home.files("spool/done") == ["\(id).receipt.json", "\(id).yaml"])
  }

  @Test func aHoldWorksAndLastsWhenTheRunnerIsDead() throws {
    let home = try ControlHome()
    let begun = try home.fifo("begun")
    try home.submit(
      """
      tasks:
        first: {run: 'echo x > "$ASTRO_HOME/begun"; until test -e go; do sleep 0.02; done'}
        second: {needs: [first], run: echo x >> followed}

      """)
    let watcher = try Following(home, "watch")
    begun()
    let id = try home.id(in: "active")
    watcher.kill()
    #expect(try home.run("hold", id).code == 0)
    #expect(try home.state(id) == "held")
    try letGo(home, id)
    #expect(try home.run("drain").code == 0)
    #expect(try home.tasks(id) == ["first": "succeeded 1", "second": "pending 0"])
    #expect(try home.state(id) == "held")
  }

  @Test func startsRecordedAheadAreTakenBack() throws {
    let home = try ControlHome(config: "system: {max_parallel_tasks: 1}\n")
    try home.submit(
      """
      tasks:
        first: {run: 'until test -e go; do sleep 0.02; done'}
        other: {run: echo x >> other}
        third: {run: echo x >> other}

      """)
    let drain = try Following(home, "drain")
    try drain.line(with: "Task execution started")
    let id = try home.id(in: "active")
    try home.run("hold", id)
    try drain.line(with: "Workflow held")
    try letGo(home, id)
    #expect(drain.wait() == 0)
    #expect(home.lines(id, "other").isEmpty)
    #expect(try home.tasks(id) == ["first": "succeeded 1", "other": "pending 0", "third": "pending 0"])
    try home.run("release", id)
    #expect(try home.run("drain").code == 0)
    #expect(try home.tasks(id) == ["first": "succeeded 1", "other": "succeeded 1", "third": "succeeded 1"])
  }

  @Test func aCancelEndsAHeldRun() throws {
    let home = try ControlHome()
    let (id, drain) = try heldInAPass(home)
    #expect(try home.run("cancel", id).code == 0)
    _ = drain.wait()
    #expect(try home.state(id) == "cancelled")
    #expect(home.files("spool/cancelled") == ["\(id).receipt.json", "\(id).yaml"])
  }

  @Test func holdingTwiceAndReleasingWhatIsNotHeldChangeNothing() throws {
    let home = try ControlHome()
    let (id, drain) = try heldInAPass(home)
    #expect(try home.run("hold", id).output == "\(id): is held already; let it go on with: astro release \(id)\n")
    try home.run("release", id)
    #expect(try home.run("release", id).output == "\(id): was not held\n")
    try letGo(home, id)
    #expect(drain.wait() == 0)
    #expect(home.events(id).count { $0 == "workflow_held" } == 1)
    let ended = try home.run("hold", id)
    #expect(ended.code == 66)
    #expect(ended.errors == "astro: \(id): has ended already (succeeded); nothing of it is left to hold\n")
    #expect(try home.run("release", "nothing").code == 66)
  }
}
