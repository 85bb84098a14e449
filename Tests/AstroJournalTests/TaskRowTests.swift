import AstroCore
import AstroJournal
import Testing

@Suite struct TaskRowTests {
  private let fixture = JournalFixture()
  private let journal: Journal

  init() throws { journal = try fixture.open() }

  private func begun(_ number: Int = 1, launcher: String = "watch-1") -> AttemptRecord {
    AttemptRecord(
      key: key("a", "t", number), agent: "shell", launcher: launcher, started: Moment(wall: time(3), boot: 4),
      bootID: "boot-a")
  }

  private func ending(_ outcome: AttemptOutcome, number: Int = 1) -> AttemptEnding {
    AttemptEnding(
      key: key("a", "t", number), outcome: outcome, startedAt: time(5), finishedAt: time(8), duration: .seconds(3),
      usage: ResourceUsage(userMicroseconds: 1, systemMicroseconds: 2, peakKiB: 3))
  }

  @Test(arguments: TaskState.allCases) func everyColumnOfATaskComesBackAsItWent(state: TaskState) throws {
    let whole = TaskRecord(
      run: id("a"), task: "t", state: state, attempts: 3, notBefore: time(1), reason: "r", exitCode: -1,
      outputs: ["k": "v\u{0}\n\u{9B}", "": ""], stdout: "a\u{0}b\r\n🙂", startedAt: time(2), finishedAt: time(3))
    try journal.commit { try $0.put(TaskRecord(run: id("a"), task: "t", state: .pending)) }
    #expect(try journal.read { try $0.tasks(of: id("a")) } == [TaskRecord(run: id("a"), task: "t", state: .pending)])
    try journal.commit { try $0.put(whole) }
    #expect(try journal.read { try $0.tasks(of: id("a")) } == [whole])
    #expect(try journal.read { try $0.tasks(of: id("b")) }.isEmpty)
  }

  @Test func anAttemptBeginsOnce() throws {
    try journal.commit { try $0.beginAttempt(begun()) }
    #expect(throws: Failure.self) { try journal.commit { try $0.beginAttempt(begun(launcher: "other")) } }
    #expect(try journal.read { try $0.attempts(of: id("a")) } == [begun()])
    #expect(try journal.read { try $0.runningAttempts() } == [begun()])
  }

  static let outcomes: [AttemptOutcome] =
    [
      .exited(0), .exited(255), .signalled(9), .timedOut(nil), .timedOut(.exited(0)), .timedOut(.signalled(15)),
      .cancelled(nil), .cancelled(.signalled(9)),
      .notStarted(reason: "no such program", infrastructure: false),
      .notStarted(reason: "no processes left", infrastructure: true), .invalidOutput("malformed"),
      .outOfMemory("out of memory: limit 1MiB", .signalled(9)), .outOfMemory("out of memory: limit 1MiB", .exited(3)),
      .lost("nobody knows"),
      .lost(""),
    ] + AgentEnding.allCases.filter { $0 != .timeout && $0 != .cancelled }.map { .performed($0, "why") }

  @Test(arguments: outcomes) func everyOutcomeComesBackAsItWent(outcome: AttemptOutcome) throws {
    try journal.commit { try $0.beginAttempt(begun()) }
    #expect(try journal.commit { try $0.endAttempt(ending(outcome), agent: "other") })
    var expected = begun()
    expected.agent = "other"
    expected.started.wall = time(5)
    expected.ending = .init(
      outcome: outcome, finishedAt: time(8), duration: .seconds(3),
      usage: ResourceUsage(userMicroseconds: 1, systemMicroseconds: 2, peakKiB: 3))
    #expect(try journal.read { try $0.attempts(of: id("a")) } == [expected])
    #expect(try journal.read { try $0.runningAttempts() }.isEmpty)
  }

  @Test func ofTwoReportsOfAnEndTheFirstCounts() throws {
    try journal.commit { try $0.beginAttempt(begun()) }
    #expect(try journal.commit { try $0.endAttempt(ending(.exited(0)), agent: "shell") })
    #expect(try !journal.commit { try $0.endAttempt(ending(.lost("late")), agent: "shell") })
    #expect(try journal.read { try $0.attempts(of: id("a")).map(\.outcome) } == [.exited(0)])
  }

  @Test func theEndOfAnAttemptThatNeverBeganIsNoEnd() throws {
    #expect(try !journal.commit { try $0.endAttempt(ending(.exited(0)), agent: "shell") })
    #expect(try journal.read { try $0.attempts(of: id("a")) }.isEmpty)
  }

  @Test func anAttemptCanGoToAnotherAgentWhileItIsNotOver() throws {
    try journal.commit { transaction throws in
      try transaction.beginAttempt(begun())
      try transaction.setAgent(of: key("a", "t"), to: "other")
      _ = try transaction.endAttempt(ending(.exited(0)), agent: "other")
      try transaction.setAgent(of: key("a", "t"), to: "late")
    }
    #expect(try journal.read { try $0.attempt(key("a", "t")) }?.agent == "other")
  }

  @Test func theFirstCauseOfAnEndStands() throws {
    try journal.commit { transaction throws in
      try transaction.beginAttempt(begun())
      try transaction.setEndingCause(of: key("a", "t"), "timeout")
      try transaction.setEndingCause(of: key("a", "t"), "cancel")
    }
    #expect(try journal.read { try $0.attempt(key("a", "t")) }?.endingCause == "timeout")
  }

  @Test func whatBelongsToARunnerIsWhatIsUnsettledOrUnended() throws {
    func refers(_ runner: String) throws -> Bool { try journal.read { try $0.refers(to: runner) } }
    try journal.insert(run("a", owner: "owner"))
    try journal.commit { try $0.beginAttempt(begun(launcher: "launcher")) }
    #expect(try refers("owner"))
    #expect(try refers("launcher"))
    #expect(try !refers("other"))
    try journal.commit { transaction throws in
      _ = try transaction.endAttempt(ending(.exited(0)), agent: "shell")
      try transaction.update(id("a"), state: .succeeded)
      try transaction.markSettled(id("a"), by: "owner", finishedAt: nil)
    }
    #expect(try !refers("owner"))
    #expect(try !refers("launcher"))
  }

  @Test func anAttemptThatWasNeverStartedIsWithdrawnAndOneThatEndedIsNot() throws {
    try journal.commit { transaction throws in
      for number in 1...2 { try transaction.beginAttempt(begun(number)) }
      _ = try transaction.endAttempt(ending(.exited(1)), agent: "shell")
      try transaction.put(TaskRecord(run: id("a"), task: "t", state: .running, attempts: 2, startedAt: time(1)))
      for number in 1...2 { try transaction.withdrawAttempt(key("a", "t", number)) }
    }
    #expect(try journal.read { try $0.attempts(of: id("a")).map(\.key.number) } == [1])
    #expect(
      try journal.read { try $0.tasks(of: id("a")) } == [
        TaskRecord(run: id("a"), task: "t", state: .pending, attempts: 1)
      ])
  }

  @Test func aSlotIsOccupiedOnlyByAnAttemptWhoseTaskRuns() throws {
    try journal.insert(run("a", owner: "watch-1"))
    try journal.commit { transaction throws in
      for task in ["t", "u"] {
        try transaction.beginAttempt(
          AttemptRecord(key: key("a", task), agent: "shell", launcher: "l", started: transaction.now, bootID: "b"))
      }
      try transaction.put(TaskRecord(run: id("a"), task: "t", state: .running))
    }
    #expect(try journal.read { try $0.occupiedSlots() } == [OccupiedSlot(agent: "shell", owner: "watch-1")])
  }

  @Test func attemptsAreInOrderAndCountedPerTask() throws {
    _ = try journal.commit { transaction throws in
      for (task, number) in [("u", 1), ("t", 10), ("t", 2)] {
        try transaction.beginAttempt(
          AttemptRecord(
            key: key("a", task, number), agent: "s", launcher: "l", started: transaction.now, bootID: "b"))
      }
    }
    #expect(try journal.read { try $0.attempts(of: id("a")).map(\.key.number) } == [2, 10, 1])
    #expect(try journal.read { try $0.lastAttempts(of: id("a")) } == ["t": 10, "u": 1])
  }
}
