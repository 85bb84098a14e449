import AstroCore
import AstroTestKit
import Testing

@testable import AstroJournal

private struct StillClock: AstroCore.Clock {
  func now() -> Moment { Moment(wall: Timestamp(microseconds: 5_000_000), boot: 1) }
}

private let id = WorkflowID(unchecked: "a-20261124T020000Z-abcdef")

/// A journal with one run of `r1`.
private final class Fixture {
  let directory = TemporaryDirectory()
  let journal: Journal

  init(_ state: RunState = .running, settled: Bool = false) throws {
    journal = try Journal.open(dataDirectory: directory.path, bootID: "boot", clock: StillClock())
    var run = RunRecord(
      id: id, name: "a", user: "ann", state: state, file: [], fileExtension: "yaml", sha256: "",
      submittedAt: Timestamp(microseconds: 1), claimedAt: Timestamp(microseconds: 2), owner: "r1")
    run.startedAt = state == .queued ? nil : Timestamp(microseconds: 3)
    run.finishedAt = state.isTerminal ? Timestamp(microseconds: 4) : nil
    run.isSettled = settled
    let row = run
    try journal.commit { try $0.insert(row, content: [1]) }
  }

  var run: RunRecord? { get throws { try journal.read { try $0.run(id) } } }
  func task(_ name: String) throws -> TaskRecord? {
    try journal.read { try $0.tasks(of: id) }.first { $0.task == name }
  }

  func attempt(_ number: Int, _ outcome: AttemptOutcome?) throws {
    let key = AttemptKey(workflow: id, task: "t", number: number)
    try journal.commit { transaction in
      try transaction.beginAttempt(
        AttemptRecord(key: key, agent: "shell", launcher: "r1", started: transaction.now, bootID: "boot"))
      guard let outcome else { return }
      _ = try transaction.endAttempt(
        AttemptEnding(
          key: key, outcome: outcome, startedAt: transaction.now.wall, finishedAt: transaction.now.wall, duration: .zero
        ),
        agent: "shell")
    }
  }
}

@Suite struct HoldRequests {
  @Test func aHoldShowsAtOnceAndAReleaseGivesTheFormerStateBack() throws {
    for state in [RunState.queued, .running] {
      let fixture = try Fixture(state)
      #expect(try fixture.journal.commit { try $0.requestHold(id) })
      #expect(try !fixture.journal.commit { try $0.requestHold(id) })
      #expect(try fixture.run?.state == .held)
      #expect(try fixture.journal.commit { try $0.requestRelease(id) })
      #expect(try !fixture.journal.commit { try $0.requestRelease(id) })
      #expect(try fixture.run?.state == state)
    }
  }

  @Test func aFirstStartRecordedAfterTheRequestLeavesItHeld() throws {
    let fixture = try Fixture(.queued)
    _ = try fixture.journal.commit { try $0.requestHold(id) }
    try fixture.journal.commit { try $0.update(id, state: .running, startedAt: Timestamp(microseconds: 9)) }
    #expect(try fixture.run?.state == .held)
    _ = try fixture.journal.commit { try $0.requestRelease(id) }
    #expect(try fixture.run?.state == .running)
  }

  @Test func anEndIsAnEndThoughItWasHeld() throws {
    let fixture = try Fixture()
    _ = try fixture.journal.commit { try $0.requestHold(id) }
    try fixture.journal.commit { try $0.update(id, state: .failed, finishedAt: Timestamp(microseconds: 9)) }
    #expect(try fixture.run?.state == .failed)
    #expect(try !fixture.journal.commit { try $0.requestRelease(id) })
  }

  @Test func aCancelEndsTheHoldAndKeepsOthersFromHoldingIt() throws {
    let fixture = try Fixture()
    _ = try fixture.journal.commit { try $0.requestHold(id) }
    try fixture.journal.commit { try $0.requestCancel(id) }
    #expect(try fixture.run?.state == .running)
    #expect(try fixture.run?.isHoldRequested == false)
    #expect(try !fixture.journal.commit { try $0.requestHold(id) })
  }
}

@Suite struct Reopening {
  @Test func theRunHasNoOwnerNoEndAndNoMarks() throws {
    let fixture = try Fixture(.cancelled, settled: true)
    try fixture.journal.commit { try $0.reopen(id, tasks: []) }
    let run = try #require(try fixture.run)
    #expect(run.state == .queued)
    #expect(run.owner == nil)
    #expect(run.finishedAt == nil)
    #expect(run.startedAt == nil)
    #expect(!run.isSettled)
    #expect(!run.isCancelRequested)
    #expect(run.retriedAt == Timestamp(microseconds: 5_000_000))
    #expect(run.livesSince == run.retriedAt)
    #expect(run.claimedAt == Timestamp(microseconds: 2))
  }

  @Test func theDurationIsCountedFromTheRetry() throws {
    let fixture = try Fixture(.cancelled, settled: true)
    try fixture.journal.commit { try $0.reopen(id, tasks: []) }
    #expect(try fixture.run?.duration == nil)
    try fixture.journal.commit {
      try $0.update(id, state: .failed, finishedAt: Timestamp(microseconds: 7_000_000), reason: nil)
    }
    #expect(try fixture.run?.duration == .seconds(2))
  }

  @Test func tasksReturnToPendingWithTheirAttemptsForgiven() throws {
    let fixture = try Fixture(.failed, settled: true)
    try fixture.attempt(1, .exited(1))
    try fixture.attempt(2, .exited(1))
    try fixture.journal.commit { transaction in
      var done = TaskRecord(run: id, task: "done", state: .succeeded, attempts: 1)
      done.outputs = ["n": "7"]
      try transaction.put(done)
      try transaction.put(TaskRecord(run: id, task: "t", state: .failed, attempts: 2, reason: "exited with code 1"))
      try transaction.reopen(id, tasks: ["t", "never"])
    }
    let task = try #require(try fixture.task("t"))
    #expect(task.state == .pending)
    #expect(task.attempts == 2)
    #expect(task.base == 2)
    #expect(task.reason == nil)
    #expect(try fixture.task("never")?.base == 0)
    #expect(try fixture.task("done")?.outputs == ["n": "7"])
    #expect(try fixture.task("done")?.state == .succeeded)
  }

  @Test func whatIsForgivenStaysSoWhenTheTaskGoesOn() throws {
    let fixture = try Fixture(.failed)
    try fixture.attempt(1, .exited(1))
    try fixture.journal.commit { transaction in
      try transaction.reopen(id, tasks: ["t"])
      try transaction.put(TaskRecord(run: id, task: "t", state: .running, attempts: 2))
    }
    #expect(try fixture.task("t")?.base == 1)
    #expect(try fixture.task("t")?.state == .running)
  }

  @Test func aFormerOwnerCannotMarkItSettled() throws {
    let fixture = try Fixture(.failed)
    try fixture.journal.commit { try $0.markSettled(id, by: "r2", finishedAt: nil) }
    #expect(try fixture.run?.isSettled == false)
    try fixture.journal.commit { transaction in
      try transaction.reopen(id, tasks: [])
      try transaction.markSettled(id, by: "r1", finishedAt: nil)
    }
    #expect(try fixture.run?.isSettled == false)
    #expect(try fixture.journal.commit { try $0.setOwner(id, from: nil, to: "r1") })
    try fixture.journal.commit { try $0.markSettled(id, by: "r1", finishedAt: nil) }
    #expect(try fixture.run?.isSettled == false)
    try fixture.journal.commit { transaction in
      try transaction.update(id, state: .succeeded, finishedAt: Timestamp(microseconds: 9))
      // An end of an earlier life.
      try transaction.markSettled(id, by: "r1", finishedAt: Timestamp(microseconds: 8))
    }
    #expect(try fixture.run?.isSettled == false)
    try fixture.journal.commit { try $0.markSettled(id, by: "r1", finishedAt: Timestamp(microseconds: 9)) }
    #expect(try fixture.run?.isSettled == true)
  }

  @Test func anAttemptIsWithdrawnOnlyWhileItHasNotEnded() throws {
    let fixture = try Fixture()
    try fixture.attempt(1, .exited(0))
    try fixture.attempt(2, nil)
    try fixture.journal.commit { transaction in
      try transaction.put(TaskRecord(run: id, task: "t", state: .running, attempts: 2))
      for number in 1...2 { try transaction.withdrawAttempt(AttemptKey(workflow: id, task: "t", number: number)) }
    }
    #expect(try fixture.journal.read { try $0.attempts(of: id) }.map(\.key.number) == [1])
    #expect(try fixture.task("t")?.state == .pending)
    #expect(try fixture.task("t")?.attempts == 1)
  }

  @Test func occupiedSlotsAreAttemptsOfRunningTasks() throws {
    let fixture = try Fixture()
    try fixture.attempt(1, nil)
    #expect(try fixture.journal.read { try $0.occupiedSlots() }.isEmpty)
    try fixture.journal.commit { try $0.put(TaskRecord(run: id, task: "t", state: .running, attempts: 1)) }
    #expect(try fixture.journal.read { try $0.occupiedSlots() } == [OccupiedSlot(agent: "shell", owner: "r1")])
  }
}

@Suite struct Deleting {
  private let end = Timestamp(microseconds: 4)

  @Test func onlySettledEndsGo() throws {
    for (state, settled, goes) in [
      (RunState.succeeded, true, true), (.succeeded, false, false), (.running, true, false), (.held, true, false),
    ] {
      let fixture = try Fixture(state, settled: settled)
      try fixture.attempt(1, .exited(0))
      #expect(try fixture.journal.commit { try $0.delete(id) } == goes)
      #expect(try fixture.journal.read { try $0.attempts(of: id) }.isEmpty == goes)
      #expect(try (fixture.journal.read { try $0.content(id) } == nil) == goes)
    }
  }

  @Test func failuresAreFoundByTheirOwnAge() throws {
    for (state, ordinary, failed) in [
      (RunState.succeeded, true, false), (.partial, true, false), (.cancelled, true, false), (.failed, false, true),
      (.rejected, false, true),
    ] {
      let fixture = try Fixture(state, settled: true)
      let late = Timestamp(microseconds: 5)
      let early = Timestamp(microseconds: 0)
      #expect(
        try fixture.journal.read { try $0.finished(before: late, failedBefore: early) }.isEmpty == !ordinary)
      #expect(
        try fixture.journal.read { try $0.finished(before: early, failedBefore: late) }.isEmpty == !failed)
    }
  }
}
