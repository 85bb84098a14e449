import AstroConfiguration
import AstroCore
import AstroJournal
import AstroLimits
import Testing

@Suite struct RateLimitsTests {
  private let fixture = JournalFixture()
  private let journal: Journal
  private let limits = RateLimits(configured: [
    "three": .window(RateWindow(maxRequests: 3, window: .seconds(60))), "none": .unlimited,
    "closed": .window(RateWindow(maxRequests: 0, window: .seconds(1))),
  ])

  init() throws { journal = try fixture.open() }

  private func consume(_ weight: Int64 = 1, key: String = "alice", on other: Journal? = nil) throws -> LimitVerdict {
    try limits.consume("three", key: key, weight: weight, on: other ?? journal)
  }

  private func verdict(
    allowed: Bool, remaining: Int64, resetIn: Double = 60, retryAfter: Double = 0
  ) -> LimitVerdict {
    LimitVerdict(
      limiter: "three", key: "alice", allowed: allowed, limit: 3, remaining: remaining,
      resetAt: fixture.clock.now().wall + .seconds(resetIn), retryAfter: .seconds(retryAfter))
  }

  @Test func theDefaultsAreTheContracts() {
    let expected: [String: SystemConfiguration.RateLimit] = [
      "task_submission": .window(maxRequests: 100, window: .seconds(60)),
      "workflow_creation": .window(maxRequests: 20, window: .seconds(60)),
      "api_calls": .window(maxRequests: 1000, window: .seconds(60)),
    ]
    #expect(SystemConfiguration().rateLimits == expected)
  }

  @Test func theLimitIsGrantedAndNoMoreUntilTheWindowOpens() throws {
    #expect(try consume() == verdict(allowed: true, remaining: 2))
    fixture.clock.advance(.seconds(10))
    #expect(try consume(2) == verdict(allowed: true, remaining: 0))
    fixture.clock.advance(.seconds(10))
    #expect(try consume() == verdict(allowed: false, remaining: 0, resetIn: 50, retryAfter: 40))
    fixture.clock.advance(.seconds(40) - .microseconds(1))
    #expect(try !consume().allowed)
    fixture.clock.advance(.microseconds(1))
    #expect(try consume() == verdict(allowed: true, remaining: 0))
  }

  @Test func theGrantOfAStartThatIsWithdrawnIsGivenBackInItsBoot() throws {
    let id = WorkflowID(unchecked: "run-20261124T020000Z-aaaaaa")
    func withdraw(bootID: String) throws -> Int64 {
      let attempt = try journal.commit { transaction throws in
        #expect(try limits.consume("three", key: "alice", in: transaction).allowed)
        let attempt = AttemptRecord(
          key: AttemptKey(workflow: id, task: "a", number: 1), agent: "shell", launcher: "l", started: transaction.now,
          bootID: bootID)
        try transaction.beginAttempt(attempt)
        return attempt
      }
      fixture.clock.advance(.seconds(5))
      return try journal.commit { transaction throws in
        #expect(try transaction.withdrawAttempt(attempt.key) == attempt)
        try limits.refund("three", key: "alice", for: attempt, in: transaction)
        return try limits.check("three", key: "alice", in: transaction).remaining
      }
    }
    #expect(try withdraw(bootID: journal.bootID) == 3)
    #expect(try withdraw(bootID: "another") == 2)
  }

  @Test func askingTakesNothing() throws {
    for _ in 0..<5 {
      #expect(try limits.check("three", key: "alice", on: journal) == verdict(allowed: true, remaining: 3, resetIn: 0))
      #expect(try journal.commit { try limits.check("three", key: "alice", in: $0) }.remaining == 3)
    }
    #expect(try limits.check("three", key: "alice", weight: 3, on: journal).allowed)
    #expect(try journal.read { try $0.limitStates() }.isEmpty)
  }

  @Test func keysAndLimitersAreApart() throws {
    for key in ["alice", "bob", ""] { #expect(try consume(3, key: key).allowed) }
    #expect(try !consume(key: "bob").allowed)
  }

  @Test func aGrantIsGoneWithTheTransactionThatFailed() throws {
    let whim = Failure(.io, subject: "s", message: "m")
    #expect(throws: whim) {
      try journal.commit { transaction throws in
        #expect(try limits.consume("three", key: "alice", weight: 3, in: transaction).allowed)
        #expect(try !limits.consume("three", key: "alice", in: transaction).allowed)
        throw whim
      }
    }
    #expect(try consume(3).allowed)
  }

  @Test func anUnknownLimiterIsAnErrorAndNeverAnOpenDoor() throws {
    let unknown = Failure(.notFound, subject: "thre", message: "no such limit; there are: closed, none, three")
    #expect(throws: unknown) { try limits.check("thre", key: "a", on: journal) }
    #expect(throws: unknown) { try limits.consume("thre", key: "a", on: journal) }
    #expect(throws: unknown) { try limits.clear("thre", on: journal) }
    #expect(throws: unknown) { try journal.commit { try limits.check("thre", key: "a", in: $0) } }
    #expect(throws: unknown) { try journal.commit { try limits.consume("thre", key: "a", in: $0) } }
    #expect(throws: Failure(.notFound, subject: "x", message: "no such limit; there are: none")) {
      try RateLimits(configured: [:]).check("x", key: "a", on: journal)
    }
  }

  @Test func aWeightThatIsNeverGrantedIsAnError() throws {
    let message = "exceeds_limit: a weight of 4 is never granted, the limit is 3 in 1m"
    #expect(throws: Failure(.limit, subject: "three/alice", message: message)) { try consume(4) }
    let closed = "exceeds_limit: a weight of 1 is never granted, the limit is 0 in 1s"
    #expect(throws: Failure(.limit, subject: "closed/a", message: closed)) {
      try limits.consume("closed", key: "a", on: journal)
    }
  }

  @Test func unlimitedGrantsAlwaysAndKeepsNothing() throws {
    for _ in 0..<3 {
      let verdict = try limits.consume("none", key: "a", weight: 1_000_000_000, on: journal)
      #expect(verdict.allowed && verdict.remaining == .max && verdict.retryAfter == .zero)
    }
    #expect(try journal.read { try $0.limitStates() }.isEmpty)
    #expect(try limits.statistics(on: journal).isEmpty)
  }

  @Test func clearingForgetsAKeyALimiterOrAll() throws {
    for key in ["alice", "bob", "eve"] { _ = try consume(3, key: key) }
    #expect(try limits.clear("three", key: "alice", on: journal) == 1)
    #expect(try consume(3).allowed)
    #expect(try !consume(key: "bob").allowed)
    #expect(try limits.clear("closed", on: journal) == 0)
    #expect(try limits.clear("three", on: journal) == 3)
    _ = try consume()
    #expect(try limits.clear(on: journal) == 1)
    #expect(try journal.read { try $0.limitStates() }.isEmpty)
  }

  @Test func statisticsHaveAllFieldsOfTheContract() throws {
    _ = try consume(2)
    fixture.clock.advance(.milliseconds(1500))
    let rows = try limits.statistics(on: journal)
    var writer = JSONWriter()
    for row in rows { row.write(to: &writer) }
    #expect(
      String(decoding: writer.bytes, as: UTF8.self) == """
        {"limiter":"three","key":"alice","requests_in_window":2,"remaining":1,"reset_in_seconds":58.5,"max_requests":3,\
        "window_seconds":60,"waiting":0,"oldest_wait_seconds":0,"blocked_until":null}
        """)
    fixture.clock.advance(.seconds(60))
    #expect(try limits.statistics(on: journal).isEmpty)
  }

  @Test func thoseWhoWaitAreCountedAlsoWhereNothingIsUsed() throws {
    _ = try consume(3)
    var waiters = LimitWaiters()
    for seconds in [5, 20, 7] { waiters.add(since: journal.now.wall + .seconds(-seconds)) }
    let rows = limits.statistics(
      of: try journal.read { try $0.limitStates() },
      waiting: [.init(limiter: "three", key: "alice"): waiters, .init(limiter: "three", key: "bob"): waiters],
      bootID: journal.bootID, at: journal.now)
    #expect(rows.map(\.key) == ["alice", "bob"])
    #expect(rows.map(\.requestsInWindow) == [3, 0])
    #expect(rows.map(\.waiting) == [3, 3])
    #expect(rows.map(\.oldestWait) == [.seconds(20), .seconds(20)])
  }

  @Test func statisticsAreSortedAndLeaveOutLimitersThatAreNoLongerConfigured() throws {
    for key in ["b", "a"] { _ = try consume(key: key) }
    #expect(try limits.statistics(on: journal).map(\.key) == ["a", "b"])
    #expect(try RateLimits(configured: ["other": .unlimited]).statistics(on: journal).isEmpty)
  }

  // MARK: What outlives the process

  /// The journal as the next process finds it, on the boot `boot` at these times in seconds.
  private func reopened(_ boot: String, wall: Int64, uptime: Int64) throws -> Journal {
    journal.close()
    return try fixture.open(boot: boot, clock: HandClock(wall: wall, boot: uptime))
  }

  @Test(arguments: [0, 900, 1_000_000] as [Int64]) func onTheSameBootAStepOfTheWallClockChangesNothing(
    wall: Int64
  ) throws {
    _ = try consume(3)
    let later = try reopened("boot-a", wall: wall, uptime: 559)
    #expect(try consume(on: later).retryAfter == .seconds(1))
    later.close()
    #expect(try consume(on: try fixture.open(clock: HandClock(wall: wall, boot: 560))).allowed)
  }

  @Test func afterARebootTheTimeAwayCounts() throws {
    _ = try consume(3)
    let later = try reopened("boot-b", wall: 1040, uptime: 10)
    #expect(try consume(on: later).retryAfter == .seconds(20))
  }

  @Test func afterARebootAClockSetBackCountsAsNoTimeButTheUptime() throws {
    _ = try consume(3)
    let later = try reopened("boot-b", wall: 100, uptime: 10)
    #expect(try consume(on: later).retryAfter == .seconds(50))
  }

  @Test func afterARebootAndAWholeWindowAllIsFree() throws {
    _ = try consume(3)
    #expect(try consume(3, on: try reopened("boot-b", wall: 1060, uptime: 10)).allowed)
  }

  @Test func idleKeysAreForgotten() throws {
    for key in 0..<40 { _ = try consume(key: "user\(key)") }
    #expect(try journal.read { try $0.limitStates().count } == 40)
    fixture.clock.advance(.seconds(60))
    for _ in 0..<10 {
      _ = try consume()
      fixture.clock.advance(.seconds(60))
    }
    #expect(try journal.read { try $0.limitStates().map(\.key) } == ["alice"])
  }

  @Test func idleKeysOfAnEarlierBootAreForgottenAtTheFirstGrant() throws {
    for key in 0..<40 { _ = try consume(key: "user\(key)") }
    fixture.clock.advance(.seconds(30))
    _ = try consume(key: "busy")
    let later = try reopened("another boot", wall: 1070, uptime: 5)
    _ = try consume(on: later)
    #expect(try later.read { try $0.limitStates().map(\.key) } == ["alice", "busy"])
  }
}
