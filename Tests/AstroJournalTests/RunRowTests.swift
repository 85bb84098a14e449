import AstroCore
import AstroJournal
import Testing

@Suite struct RunRowTests {
  private let fixture = JournalFixture()
  private let journal: Journal

  init() throws { journal = try fixture.open() }

  /// A run with a value in every column.
  private var whole: RunRecord {
    var whole = run("whole", state: .held, owner: nil)
    whole.priority = -7
    whole.file = [0x61, 0xFF, 0x0A, 0x2E, 0x79, 0x6D, 0x6C]
    whole.fileExtension = "yml"
    whole.params = [
      "s": .string("a\u{0}\u{1B}\u{202E}\"\\ü🙂"), "i": .integer(.min), "d": .number(0.1), "b": .bool(false), "n": .null,
      "l": .list([.integer(1), .map(["x": .string("")])]),
    ]
    whole.startedAt = time(1)
    whole.finishedAt = time(2)
    whole.isSettled = true
    whole.isCancelRequested = true
    whole.reason = "because"
    whole.errors = [
      Diagnostic(
        code: "c", message: "m", file: "f", line: 3, column: 4, sourceLine: "text", width: 5, hint: "do"),
      Diagnostic(.warning, code: "w", message: "", file: ""),
    ]
    whole.rateLimit = LimitVerdict(
      limiter: "workflow_creation", key: "alice", allowed: true, limit: 20, remaining: 19, resetAt: time(60),
      retryAfter: .milliseconds(1))
    whole.isHoldRequested = true
    whole.retriedAt = time(4)
    whole.taskCount = 9
    return whole
  }

  @Test func everyColumnComesBackAsItWent() throws {
    let content = (0...255).map { UInt8($0) }
    try journal.commit { try $0.insert(whole, content: content) }
    #expect(try journal.read { try $0.run(whole.id) } == whole)
    #expect(try journal.read { try $0.content(whole.id) } == content)
    #expect(try journal.read { try $0.run(id("none")) } == nil)
    #expect(try journal.read { try $0.content(id("none")) } == nil)
  }

  @Test func aRunThatIsKnownStaysAsItIs() throws {
    try journal.insert(run("a"))
    try journal.commit { try $0.insert(run("a", state: .failed), content: [1]) }
    #expect(try journal.read { try $0.run(id("a")) } == run("a"))
    #expect(try journal.read { try $0.content(id("a")) } == Array("a\n".utf8))
  }

  @Test func anUpdateChangesWhatItNamesAndNothingElse() throws {
    try journal.insert(run("a"), run("b"))
    try journal.commit { try $0.update(id("a"), state: .running, startedAt: time(5)) }
    try journal.commit { try $0.update(id("a"), state: .failed, finishedAt: time(6), reason: "task 'x' failed") }
    var expected = run("a", state: .failed)
    expected.startedAt = time(5)
    expected.finishedAt = time(6)
    expected.reason = "task 'x' failed"
    #expect(try journal.read { try $0.run(id("a")) } == expected)
    #expect(try journal.read { try $0.run(id("b")) } == run("b"))
  }

  @Test func changingARunThatIsNotThereIsAnError() throws {
    let expected = Failure(.notFound, subject: id("a").text, message: "no such run in the journal")
    #expect(throws: expected) { try journal.commit { try $0.update(id("a"), state: .running) } }
    #expect(throws: expected) { try journal.commit { try $0.reopen(id("a"), tasks: []) } }
  }

  @Test func ofTwoWhoAdoptARunOneSucceeds() throws {
    try journal.insert(run("a", owner: "dead"), run("free", owner: nil))
    let other = try fixture.open()
    #expect(try journal.commit { try $0.setOwner(id("a"), from: "dead", to: "one") })
    #expect(try !other.commit { try $0.setOwner(id("a"), from: "dead", to: "two") })
    #expect(try other.commit { try $0.setOwner(id("free"), from: nil, to: "two") })
    #expect(try !journal.commit { try $0.setOwner(id("free"), from: nil, to: "one") })
    #expect(try journal.commit { try $0.setOwner(id("a"), from: "one", to: nil) })
    #expect(try journal.read { try $0.active().map(\.owner) } == [nil, "two"])
  }

  @Test func aCancelIsAskedOfRunsThatHaveNotEnded() throws {
    for state in RunState.allCases { try journal.insert(run(state.rawValue, state: state)) }
    for state in RunState.allCases {
      try journal.commit { try $0.requestCancel(id(state.rawValue)) }
      #expect(try journal.read { try $0.run(id(state.rawValue)) }?.isCancelRequested == !state.isTerminal)
    }
    try journal.commit { try $0.requestCancel(id("none")) }
    #expect(try journal.read { try $0.run(id("none")) } == nil)
  }

  @Test func settledRunsLeaveTheListOfTheUnsettled() throws {
    try journal.insert(run("b", state: .failed, claimed: 2), run("a", claimed: 3), run("c", claimed: 1, owner: nil))
    #expect(try journal.read { try $0.unsettled().map(\.name) } == ["c", "b", "a"])
    // Another's, and one that goes on, are not marked.
    try journal.commit { transaction throws in
      try transaction.markSettled(id("b"), by: "drain-2", finishedAt: nil)
      try transaction.markSettled(id("a"), by: "watch-1", finishedAt: nil)
    }
    #expect(try journal.read { try $0.unsettled().count } == 3)
    try journal.commit { try $0.markSettled(id("b"), by: "watch-1", finishedAt: nil) }
    #expect(try journal.read { try $0.unsettled().map(\.name) } == ["c", "a"])
    #expect(try journal.read { try $0.run(id("b"))?.isSettled } == true)
  }

  @Test func aRetryForgivesTheNamedTasksAndKeepsTheOthers() throws {
    var ended = run("a", state: .failed)
    ended.startedAt = time(7)
    ended.finishedAt = time(9)
    ended.reason = "r"
    ended.isSettled = true
    ended.isCancelRequested = true
    ended.isHoldRequested = true
    try journal.insert(ended)
    try journal.commit { transaction throws in
      for task in ["done", "bad"] { try transaction.put(TaskRecord(run: id("a"), task: task, state: .succeeded)) }
      try transaction.beginAttempt(
        AttemptRecord(key: key("a", "bad", 3), agent: "s", launcher: "l", started: transaction.now, bootID: "b"))
      try transaction.reopen(id("a"), tasks: ["bad", "never"])
    }
    var expected = run("a", owner: nil)
    expected.retriedAt = fixture.clock.now().wall
    #expect(try journal.read { try $0.run(id("a")) } == expected)
    var bad = TaskRecord(run: id("a"), task: "bad", state: .pending, attempts: 3)
    bad.base = 3
    let others = [
      TaskRecord(run: id("a"), task: "done", state: .succeeded),
      TaskRecord(run: id("a"), task: "never", state: .pending),
    ]
    #expect(try journal.read { try $0.tasks(of: id("a")) } == [bad] + others)
    #expect(try journal.read { try $0.lastAttempts(of: id("a")) } == ["bad": 3])
    // What was forgiven stays so when the task goes on.
    try journal.commit { try $0.put(TaskRecord(run: id("a"), task: "bad", state: .running, attempts: 4)) }
    #expect(try journal.read { try $0.tasks(of: id("a")).first?.base } == 3)
  }

  @Test func aHoldIsOfRunsThatGoOnAndEndsWithAReleaseOrACancel() throws {
    for state in RunState.allCases { try journal.insert(run(state.rawValue, state: state)) }
    for state in RunState.allCases {
      let goesOn = state == .queued || state == .running
      #expect(try journal.commit { try $0.requestHold(id(state.rawValue)) } == goesOn)
      #expect(try journal.read { try $0.run(id(state.rawValue)) }?.isHoldRequested == goesOn)
    }
    #expect(try journal.commit { try $0.requestRelease(id("queued")) })
    #expect(try !journal.commit { try $0.requestRelease(id("queued")) })
    #expect(try journal.read { try $0.run(id("queued")) } == run("queued", state: .queued))
    // Where it goes on from: it was never started, or it was.
    try journal.commit { try $0.update(id("running"), state: .held, startedAt: time(5)) }
    try journal.commit { try $0.requestCancel(id("running")) }
    let cancelled = try #require(try journal.read { try $0.run(id("running")) })
    #expect(cancelled.state == .running && cancelled.isCancelRequested && !cancelled.isHoldRequested)
    #expect(try !journal.commit { try $0.requestHold(id("running")) })
  }

  @Test func aDeletedRunLeavesNothingBehind() throws {
    var settled = run("a", state: .failed)
    settled.isSettled = true
    try journal.insert(settled, run("b"))
    try journal.commit { transaction throws in
      for name in ["a", "b"] {
        try transaction.put(TaskRecord(run: id(name), task: "t", state: .running))
        try transaction.beginAttempt(
          AttemptRecord(key: key(name, "t"), agent: "s", launcher: "l", started: transaction.now, bootID: "b"))
      }
      #expect(try transaction.delete(id("a")))
      #expect(try !transaction.delete(id("b")))
      #expect(try !transaction.delete(id("none")))
    }
    try journal.read { reading throws in
      #expect(try reading.run(id("a")) == nil)
      #expect(try reading.content(id("a")) == nil)
      #expect(try reading.tasks(of: id("a")).isEmpty)
      #expect(try reading.attempts(of: id("a")).isEmpty)
      #expect(try reading.run(id("b")) != nil)
      #expect(try reading.content(id("b")) != nil)
      #expect(try reading.tasks(of: id("b")).count == 1)
      #expect(try reading.runningAttempts().count == 1)
    }
  }

  @Test func listsAreInOrderAndFiltered() throws {
    for (i, state) in RunState.allCases.enumerated() {
      var record = run(state.rawValue, state: state, claimed: Int64(100 + i))
      record.finishedAt = state.isTerminal ? time(Int64(500 - i)) : nil
      record.isSettled = state.isTerminal
      try journal.insert(record)
    }
    try journal.read { reading throws in
      #expect(try reading.runs().map(\.state) == RunState.allCases.reversed())
      #expect(try reading.runs(limit: 2).map(\.state) == [.duplicate, .rejected])
      #expect(try reading.runs(states: [.failed, .running]).map(\.state) == [.failed, .running])
      #expect(try reading.active().map(\.state) == [.queued, .running, .held])
      #expect(try reading.lastEnded()?.state == .succeeded)
      #expect(try reading.finished(before: time(494)).map(\.state) == [.duplicate, .rejected])
    }
  }

  @Test func rejectedFilesAreNotTheLastRun() throws {
    var rejected = run("a", state: .rejected)
    rejected.finishedAt = time(9)
    try journal.insert(rejected)
    #expect(try journal.read { try $0.lastEnded() } == nil)
  }

  @Test func aRunIsFoundByItsNameAUniqueBeginningOrAsTheLatest() throws {
    #expect(throws: Failure(.notFound, subject: "@latest", message: "there is no run yet")) {
      try journal.read { try $0.resolve("@latest") }
    }
    try journal.insert(run("ab", claimed: 9), run("ac", claimed: 5), run("b", claimed: 7))
    try journal.read { reading throws in
      #expect(try reading.resolve("@latest") == id("ab"))
      #expect(try reading.resolve(id("ac").text) == id("ac"))
      #expect(try reading.resolve("b-2026") == id("b"))
    }
    for (text, shown) in [("c", "c"), ("", "''"), ("B", "B"), ("a%", "a%"), ("b-20261124T020000Z-abcdef2", nil)] {
      let none = Failure(
        .notFound, subject: shown ?? text, message: "no such run; astro list shows those there are")
      #expect(throws: none) { try journal.read { try $0.resolve(text) } }
    }
    let several = "several runs begin so: \(id("ab")), \(id("ac"))"
    #expect(throws: Failure(.notFound, subject: "a", message: several)) { try journal.read { try $0.resolve("a") } }
  }

  @Test func theWorkloadIsThatOfTheHome() throws {
    #expect(try journal.read { try $0.workload() } == Workload())
    var one = run("one", state: .running)
    one.taskCount = 10
    var two = run("two", state: .held, owner: "drain-2")
    two.taskCount = 4
    var over = run("over", state: .failed)
    over.taskCount = 100
    try journal.insert(one, two, over)
    let states: [TaskState] = [
      .running, .running, .waiting, .succeeded, .failed, .skipped, .pending, .cancelled,
    ]
    try journal.commit { transaction throws in
      for (i, state) in states.enumerated() {
        try transaction.put(TaskRecord(run: one.id, task: "t\(i)", state: state))
      }
      // The third is begun ahead of its slot, the fourth of a run that is over.
      for (run, task, agent) in [(one, "t0", "x"), (one, "t1", "y"), (one, "t9", "x"), (over, "t", "x")] {
        try transaction.beginAttempt(
          AttemptRecord(
            key: AttemptKey(workflow: run.id, task: task, number: 1), agent: agent, launcher: "l",
            started: transaction.now, bootID: "b"))
      }
    }
    var expected = Workload()
    expected.activeRuns = 2
    expected.runningTasks = 2
    expected.queuedTasks = 14 - 2 - 4
    expected.runningByAgent = ["x": 1, "y": 1]
    #expect(try journal.read { try $0.workload() } == expected)
  }
}
