import AstroCore
import AstroJournal
import AstroLimits
import Synchronization
import Testing

/// The journal's owner; several may wait at it at once.
private actor Desk {
  private let fixture: JournalFixture
  private let journal: Journal
  private let limits = RateLimits(configured: [
    "ten": .window(RateWindow(maxRequests: 10, window: .seconds(60))), "none": .unlimited,
  ])
  private let book: SleepBook
  private var served: [String] = []

  init() throws {
    let fixture = JournalFixture()
    self.fixture = fixture
    journal = try fixture.open()
    book = SleepBook(fixture.clock)
  }

  nonisolated var sleeping: SleepBook { book }

  func take(_ weight: Int64, key: String = "alice") throws {
    _ = try limits.consume("ten", key: key, weight: weight, on: journal)
  }

  /// Waits, and notes the name when served.
  func wait(
    _ name: String, _ weight: Int64 = 1, key: String = "alice", limiter: String = "ten",
    timeout: Duration = .seconds(3600)
  ) async throws {
    let book = book
    let verdict = try await limits.wait(limiter, key: key, weight: weight, timeout: timeout, on: journal) {
      try await book.pause($0)
    }
    #expect(verdict.allowed)
    served.append(name)
  }

  func order() -> [String] { served }
  func statistics() throws -> [RateLimitStatistics] { try limits.statistics(on: journal) }
}

@Suite(.timeLimit(.minutes(1))) struct WaitingTests {
  private let desk: Desk
  private var book: SleepBook { desk.sleeping }

  init() throws { desk = try Desk() }

  @Test func whatFitsIsServedWithoutWaiting() async throws {
    try await desk.wait("a", 10)
    try await desk.wait("b", limiter: "none", timeout: .zero)
    #expect(await desk.order() == ["a", "b"])
    #expect(book.remaining.isEmpty)
  }

  @Test func aWaiterSleepsExactlyUntilItsWeightFits() async throws {
    try await desk.take(6)
    book.clock.advance(.seconds(20))
    try await desk.take(4)
    async let served: Void = desk.wait("a", 7)
    await book.arrivals(1)
    #expect(book.remaining == [60])
    book.advance(.seconds(60))
    try await served
    #expect(await desk.order() == ["a"])
  }

  @Test func whoeverCameFirstIsServedFirstEvenIfALaterOneWouldFit() async throws {
    try await desk.take(8)
    async let heavy: Void = desk.wait("heavy", 5)
    await book.arrivals(1)
    async let light: Void = desk.wait("light", 1)
    await book.arrivals(2)
    async let full: Void = desk.wait("full", 10)
    await book.arrivals(3)
    // Two are free, but the light one stands behind the heavy one; the full one needs all that these two took to leave.
    #expect(book.remaining == [60, 60, 120])
    async let other: Void = desk.wait("other key", 10, key: "bob")
    try await other
    book.advance(.seconds(60))
    try await heavy
    // The light one may have looked before the heavy one was served, and then looks again in a moment.
    while await desk.order().count < 3 {
      await Task.yield()
      if let next = book.remaining.min(), next <= 0.001 { book.advance(.milliseconds(1)) }
    }
    try await light
    #expect(await desk.order() == ["other key", "heavy", "light"])
    while await desk.order().count < 4 {
      await Task.yield()
      if let next = book.remaining.min() { book.advance(.seconds(next)) }
    }
    try await full
    #expect(await desk.order() == ["other key", "heavy", "light", "full"])
    #expect(book.clock.now().boot >= (500 + 120) * 1_000_000)
  }

  @Test func aWaitThatCannotEndInTimeIsRefusedAtOnce() async throws {
    try await desk.take(10)
    let late = Failure(
      .tryLater, subject: "ten/alice", message: "the limit opens in 1m, later than the timeout of 30s allows")
    await #expect(throws: late) { try await desk.wait("a", timeout: .seconds(30)) }
    await #expect(throws: late.with("5s")) { try await desk.wait("a", timeout: .seconds(5)) }
    async let served: Void = desk.wait("b", timeout: .seconds(60))
    await book.arrivals(1)
    // Behind the other one it would be served in time too; behind all ten of them it would not.
    await #expect(throws: Failure.self) { try await desk.wait("c", 10, timeout: .seconds(119)) }
    book.advance(.seconds(60))
    try await served
    #expect(await desk.order() == ["b"])
  }

  @Test func aWeightThatIsNeverGrantedIsRefusedEvenBehindOthers() async throws {
    try await desk.take(10)
    async let first: Void = desk.wait("a")
    await book.arrivals(1)
    let never = Failure(
      .limit, subject: "ten/alice", message: "exceeds_limit: a weight of 11 is never granted, the limit is 10 in 1m")
    await #expect(throws: never) { try await desk.wait("b", 11) }
    book.advance(.seconds(60))
    try await first
  }

  @Test func anInterruptedWaiterLeavesTheLine() async throws {
    try await desk.take(10)
    async let first: Void = desk.wait("a")
    await book.arrivals(1)
    book.interrupt()
    let interrupted = Failure(
      .interrupted, subject: "ten/alice", message: "interrupted while waiting for the limit")
    do {
      try await first
      Issue.record("served, though interrupted")
    } catch {
      #expect(error as? Failure == interrupted)
    }
    #expect(try await desk.statistics().first?.waiting == 0)
    async let second: Void = desk.wait("b")
    await book.arrivals(2)
    #expect(book.remaining == [60])
    book.advance(.seconds(60))
    try await second
  }

  @Test func statisticsTellWhoWaitsAndForHowLong() async throws {
    try await desk.take(10)
    async let first: Void = desk.wait("a")
    await book.arrivals(1)
    book.advance(.seconds(20))
    async let second: Void = desk.wait("b")
    await book.arrivals(2)
    book.advance(.seconds(5))
    let row = try #require(try await desk.statistics().first)
    #expect(row.waiting == 2 && row.oldestWait == .seconds(25))
    #expect(row.requestsInWindow == 10 && row.remaining == 0 && row.resetIn == .seconds(35))
    book.interrupt()
    _ = try? await first
    _ = try? await second
  }

  @Test func aWaiterOfAKeyNobodyUsedIsListedToo() async throws {
    try await desk.take(10)
    async let waiter: Void = desk.wait("a", timeout: .seconds(60))
    await book.arrivals(1)
    book.clock.advance(.seconds(61))  // everything has left; the sleeper was not woken yet
    let row = try #require(try await desk.statistics().first)
    #expect(row.key == "alice" && row.requestsInWindow == 0 && row.waiting == 1)
    book.advance(.zero)
    try await waiter
  }
}

extension Failure {
  /// The same with another timeout in its words.
  fileprivate func with(_ timeout: String) -> Failure {
    var other = self
    other.message = message.replacing("30s", with: timeout)
    return other
  }
}
