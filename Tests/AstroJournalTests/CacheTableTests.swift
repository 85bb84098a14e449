import AstroCore
import AstroJournal
import Testing

/// Results that are kept, and the attempts under way whose results will be.
@Suite struct CacheTableTests {
  private let fixture = JournalFixture()
  private let journal: Journal
  private let ticket = CacheTicket(key: "k", files: ["in.txt": "as it was"])

  init() throws {
    journal = try fixture.open()
    try journal.insert(run("a"), run("b"))
  }

  private func result(_ text: String, at second: Int64) -> CachedResult {
    CachedResult(outcome: .exited(0), outputs: ["n": text], stdout: Array(text.utf8), createdAt: time(second))
  }

  private func begin(_ attempt: AttemptKey, under ticket: CacheTicket) throws -> Bool {
    try journal.commit { transaction throws in
      try transaction.beginAttempt(
        AttemptRecord(
          key: attempt, agent: "sh", launcher: "watch-1", started: fixture.clock.now(), bootID: "boot-a"))
      return try transaction.leads(attempt, under: ticket)
    }
  }

  private func isLed(besides other: AttemptKey? = nil, by owner: String = "watch-1") throws -> Bool {
    try journal.read { try $0.isLed("k", besides: other) { $0 == owner } }
  }

  private func end(_ attempt: AttemptKey) throws {
    try journal.commit { transaction throws in
      _ = try transaction.endAttempt(
        AttemptEnding(
          key: attempt, outcome: .exited(1), startedAt: time(1), finishedAt: time(2), duration: .zero), agent: "sh")
    }
  }

  @Test func aResultComesBackAsItWent() throws {
    try journal.commit { try $0.keep(result("one", at: 10), under: "k") }
    #expect(try journal.read { try $0.cached("k", since: time(10)) } == result("one", at: 10))
    #expect(try journal.read { try $0.cached("k", since: time(11)) } == nil)
    #expect(try journal.read { try $0.cached("other", since: time(0)) } == nil)
  }

  @Test func aNewerResultTakesThePlaceOfAnOlder() throws {
    try journal.commit { try $0.keep(result("one", at: 10), under: "k") }
    try journal.commit { try $0.keep(result("two", at: 20), under: "k") }
    #expect(try journal.read { try $0.cached("k", since: time(0)) } == result("two", at: 20))
  }

  @Test func anAttemptUnderWayDoesNoHarmToAResultThatIsThere() throws {
    try journal.commit { try $0.keep(result("one", at: 10), under: "k") }
    #expect(try begin(key("a", "t"), under: ticket))
    #expect(try journal.read { try $0.cached("k", since: time(0)) } == result("one", at: 10))
    try end(key("a", "t"))
    try journal.commit { try $0.leadsNoMore(key("a", "t")) }
    #expect(try journal.read { try $0.cached("k", since: time(0)) } == result("one", at: 10))
  }

  @Test func anAttemptThatGoesOnLeadsOnUnlessItsInputsAreOthers() throws {
    #expect(try begin(key("a", "t"), under: ticket))
    var anew = ticket
    anew.generation = 7
    #expect(try journal.commit { try $0.leads(key("a", "t"), under: anew) })
    #expect(try isLed())
    anew.files = ["in.txt": "as it is now"]
    #expect(try !journal.commit { try $0.leads(key("a", "t"), under: anew) })
    #expect(try !isLed())
  }

  @Test func anAttemptLeadsUntilItHasEndedOrItsRunIsNobodys() throws {
    #expect(try !isLed())
    #expect(try begin(key("a", "t"), under: ticket))
    #expect(try isLed())
    #expect(try !isLed(besides: key("a", "t")))
    #expect(try !isLed(by: "another"))
    #expect(try journal.read { try $0.leaders(of: id("a")) } == [key("a", "t"): ticket])
    #expect(try journal.read { try $0.leaders(of: id("b")) }.isEmpty)
    try journal.commit { _ = try $0.setOwner(id("a"), from: "watch-1", to: nil) }
    #expect(try !isLed())
    try journal.commit { _ = try $0.setOwner(id("a"), from: nil, to: "watch-1") }
    #expect(try isLed())
    try end(key("a", "t"))
    #expect(try !isLed())
    #expect(try journal.read { try $0.leaders(of: id("a")) }.isEmpty)
  }

  @Test func oneThatIsTakenBackDoesNotLeadAndMayLeadAgain() throws {
    #expect(try begin(key("a", "t"), under: ticket))
    _ = try journal.commit { try $0.withdrawAttempt(key("a", "t")) }
    #expect(try !isLed())
    #expect(try begin(key("a", "t"), under: ticket))
    #expect(try isLed())
  }

  @Test(arguments: [CacheTicket(key: "other"), CacheTicket(key: "k", files: ["in.txt": "as it is now"])])
  func oneThatGoesOnWithOtherInputsIsNeverKept(_ other: CacheTicket) throws {
    #expect(try begin(key("a", "t"), under: ticket))
    try journal.commit { try $0.withdrawAttempt(key("a", "t")) }
    #expect(try !begin(key("a", "t"), under: other))
    #expect(try !isLed())
    #expect(try journal.read { try $0.leaders(of: id("a")) }.isEmpty)
    try journal.commit { try $0.withdrawAttempt(key("a", "t")) }
    #expect(try !begin(key("a", "t"), under: other))
    #expect(try begin(key("b", "t"), under: other))
  }

  @Test func whatIsTooOldIsForgotten() throws {
    try journal.commit { try $0.keep(result("one", at: 10), under: "k") }
    #expect(try journal.commit { try $0.forgetCached(before: time(10)) } == 0)
    #expect(try journal.commit { try $0.forgetCached(before: time(11)) } == 1)
    #expect(try journal.read { try $0.cached("k", since: time(0)) } == nil)
  }
}
