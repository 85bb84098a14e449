import AstroCore
import AstroTestKit
import Glibc
import Testing

@testable import AstroJournal

@Suite struct TransactionTests {
  private let fixture = JournalFixture()
  private let journal: Journal

  init() throws { journal = try fixture.open() }

  private struct Whim: Error {}

  @Test func aBodyThatThrowsChangesNothing() throws {
    try journal.insert(run("a"))
    let whim = #expect(throws: Failure.self) {
      try journal.commit { transaction throws in
        try transaction.update(id("a"), state: .failed)
        try transaction.insert(run("b"), content: [])
        try transaction.add(series: ["n": 1])
        throw Whim()
      }
    }
    #expect(whim?.code == .journal)
    let refusal = Failure(.tryLater, subject: "s", message: "m")
    #expect(throws: refusal) {
      try journal.commit { transaction throws in
        try transaction.add(series: ["n": 1])
        throw refusal
      }
    }
    try journal.read { reading throws in
      #expect(try reading.runs() == [run("a")])
      #expect(try reading.series().isEmpty)
    }
    // And the journal is as good as before.
    try journal.commit { try $0.add(series: ["n": 1]) }
    #expect(try journal.read { try $0.series() } == ["n": 1])
  }

  @Test func aTransactionSeesItsOwnChangesAndOthersDoNot() throws {
    let reader = try Journal.openReading(dataDirectory: fixture.data)
    try journal.commit { transaction throws in
      try transaction.insert(run("a"), content: [])
      #expect(try transaction.reading.run(id("a")) != nil)
      // In the middle of a write: a reader neither waits nor sees it.
      #expect(try reader.read { try $0.run(id("a")) } == nil)
    }
    #expect(try reader.read { try $0.run(id("a")) } != nil)
  }

  @Test func aReaderKeepsItsMomentWhileOthersWrite() throws {
    let reader = try Journal.openReading(dataDirectory: fixture.data)
    try reader.read { reading throws in
      #expect(try reading.series().isEmpty)
      try journal.commit { try $0.add(series: ["n": 1]) }
      #expect(try reading.series().isEmpty)
    }
    #expect(try reader.read { try $0.series() } == ["n": 1])
  }

  @Test func aReaderCannotWrite() throws {
    let connection = try Connection(path: fixture.file, access: .reading)
    defer { connection.close() }
    let failure = #expect(throws: Failure.self) {
      try connection.transaction(.reading) { session in _ = try session.run("DELETE FROM run") }
    }
    #expect(failure?.code == .io)
    #expect(
      failure?.description
        == "\(fixture.file): the journal cannot be written: attempt to write a readonly database")
  }

  @Test(arguments: [true, false]) func afterAnErrorATransactionIsNotCommitted(goesOn: Bool) throws {
    let failure = #expect(throws: Failure.self) {
      try journal.commit { transaction throws in
        try transaction.add(series: ["n": 1])
        // STRICT tables refuse a value of another type; the caller looks away.
        _ = try? transaction.session.run("INSERT INTO series VALUES('x', 'no number')")
        if goesOn { try transaction.add(series: ["n": 1]) }
      }
    }
    #expect(failure?.code == .journal)
    #expect(try journal.read { try $0.series() }.isEmpty)
  }

  @Test func whatThisVersionCannotHaveWrittenIsDamage() throws {
    try journal.insert(run("a"))
    try journal.commit { transaction throws in
      _ = try transaction.session.run("UPDATE run SET state = 'dancing'")
    }
    #expect(
      throws: Failure(
        .journalDamaged, subject: fixture.file,
        message: "the journal is damaged: unknown run state 'dancing'; put it back from a backup, or rebuild it: "
          + "astro doctor --rebuild-journal")
    ) { try journal.read { try $0.run(id("a")) } }
  }

  @Test func theTimeOfATransactionIsReadOnceInsideTheGate() throws {
    let moments = try journal.commit { transaction throws in
      let before = transaction.now
      fixture.clock.advance(.seconds(5))
      return [before, transaction.now]
    }
    #expect(moments[0] == moments[1] && moments[0].boot == 500_000_000)
  }

  @Test func aRemovedLockFileIsMadeAnew() throws {
    let other = try fixture.open()
    unlink(fixture.data + "/journal.lock")
    for journal in [journal, other, journal] { try journal.commit { try $0.add(series: ["n": 1]) } }
    #expect(access(fixture.data + "/journal.lock", F_OK) == 0)
    #expect(try journal.read { try $0.series() } == ["n": 3])
  }

  /// As one that was stopped while it waited its turn.
  @Test func whoStandsInTheTurnstileKeepsNobodyOut() throws {
    let directory = open(fixture.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    defer { close(directory) }
    try #require(flock(directory, LOCK_EX | LOCK_NB) == 0)
    for _ in 1...3 { try journal.commit { try $0.add(series: ["n": 1]) } }
    #expect(try journal.read { try $0.series() } == ["n": 3])
  }

  @Test func statisticsSayWhatWasDone() throws {
    _ = journal.takeQueryStatistics()
    try journal.commit { transaction throws in
      try transaction.insert(run("a"), content: [])  // run and content, and the count of commits
      try transaction.update(id("a"), state: .failed)
      try transaction.markSettled(id("a"), by: "watch-1", finishedAt: nil)
      _ = try transaction.delete(id("a"))  // eight tables, one of them by two keys
    }
    _ = try journal.read { (try $0.runs(), try $0.series()) }
    #expect(throws: Failure.self) { try journal.commit { try $0.update(id("a"), state: .failed) } }
    let statistics = journal.takeQueryStatistics()
    #expect(statistics.queries.mapValues(\.count) == [.insert: 3, .update: 3, .delete: 9, .select: 2])
    #expect(statistics.commits.count == 1)
    for (_, seen) in statistics.queries {
      #expect(seen.buckets.reduce(0, +) == seen.count && seen.seconds > 0)
    }
    #expect(journal.takeQueryStatistics() == JournalStatistics())
  }

  @Test func aDurationOnABoundBelongsToItsBucket() {
    var statistics = QueryStatistics()
    for nanoseconds in [0, 1_000_000, 1_000_001, 1_000_000_000, 1_000_000_001] as [UInt64] {
      statistics.observe(nanoseconds)
    }
    #expect(statistics.buckets == [2, 1, 0, 0, 0, 0, 1, 1])
    #expect(statistics.count == 5)
  }
}
