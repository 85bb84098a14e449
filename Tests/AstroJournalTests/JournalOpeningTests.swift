import AstroCore
import AstroTestKit
import GRDB
import Glibc
import Testing

@testable import AstroJournal

@Suite struct JournalOpeningTests {
  private let fixture = JournalFixture()
  private let remedy = "put it back from a backup, or rebuild it: astro doctor --rebuild-journal"

  /// What opening says, with the fixture's directory left out.
  private func refusal() -> String? {
    do throws(Failure) {
      _ = try Journal.open(dataDirectory: fixture.data, bootID: "a", clock: fixture.clock)
      return nil
    } catch {
      return "\(error.code.rawValue): " + error.description.replacing(fixture.data, with: "data")
    }
  }

  private func makeDatabase(_ sql: String) throws {
    mkdir(fixture.data, 0o700)
    let queue = try DatabaseQueue(path: fixture.file)
    try queue.writeWithoutTransaction { try $0.execute(sql: sql) }
    try queue.close()
  }

  @Test func aFreshJournalIsOursInWriteAheadModeAndForItsOwnerAlone() throws {
    try fixture.open().close()
    var status = stat()
    #expect(stat(fixture.file, &status) == 0 && status.st_mode & 0o777 == 0o600)
    let header = bytes(of: fixture.file)
    // sqlite.org/fileformat.html 1.3: write and read version 2 are WAL; then user_version and application_id.
    #expect(header[18...19] == [2, 2])
    #expect(header[60..<64] == [0, 0, 0, 1])
    #expect(header[68..<72] == Array("Astr".utf8)[...])
  }

  @Test func everyConnectionSyncsItsCommits() throws {
    try fixture.open().close()
    for access in [Connection.Access.reading, .writing] {
      let connection = try Connection(path: fixture.file, access: access)
      let answers = try connection.withoutTransaction { db in
        try ["synchronous", "mmap_size", "temp_store"].map { try Int.fetchOne(db, sql: "PRAGMA \($0)") ?? 0 }
      }
      #expect(answers == [2, 0, 2])  // FULL, none, MEMORY
      connection.close()
    }
  }

  @Test func openingAgainKeepsWhatIsThere() throws {
    let first = try fixture.open()
    try first.insert(run("a"))
    first.close()
    let second = try fixture.open()
    #expect(try second.read { try $0.run(id("a")) } == run("a"))
  }

  @Test func aJournalOfANewerVersionIsRefusedAndLeftAlone() throws {
    try fixture.open().close()
    try makeDatabase("ALTER TABLE meta ADD COLUMN newer TEXT; PRAGMA user_version = 2")
    let before = bytes(of: fixture.file)
    #expect(
      refusal()
        == "journal: data/astro.sqlite: made by a newer astro (version 2 of the journal, this one knows 1)")
    #expect(bytes(of: fixture.file) == before)
  }

  @Test(arguments: [0, 1, 2]) func aDatabaseOfSomeoneElseIsRefusedAndLeftAlone(version: Int) throws {
    try makeDatabase("CREATE TABLE theirs(a); PRAGMA user_version = \(version)")
    let before = bytes(of: fixture.file)
    #expect(
      refusal() == "journal_damaged: data/astro.sqlite: is a SQLite database, but not a journal of astro; \(remedy)")
    #expect(bytes(of: fixture.file) == before)
  }

  @Test func anEmptyFileBecomesAJournal() throws {
    mkdir(fixture.data, 0o700)
    write([], to: fixture.file)
    try fixture.open().insert(run("a"))
  }

  @Test func aFileThatIsNoDatabaseIsRefusedAndLeftAlone() {
    mkdir(fixture.data, 0o700)
    let text = [UInt8](repeating: UInt8(ascii: "x"), count: 9000)
    write(text, to: fixture.file)
    #expect(
      refusal()
        == "journal_damaged: data/astro.sqlite: the journal is damaged: file is not a database; \(remedy)")
    #expect(bytes(of: fixture.file) == text)
  }

  @Test func aTruncatedJournalIsRefused() throws {
    let journal = try fixture.open()
    try journal.commit { transaction throws in
      for i in 0..<50 { try transaction.insert(run("r\(i)"), content: [UInt8](repeating: 0x61, count: 2000)) }
    }
    journal.close()
    try DatabaseQueue(path: fixture.file).close()  // The last to close takes the log into the file.
    truncate(fixture.file, off_t(bytes(of: fixture.file).count / 2))
    #expect(
      refusal()
        == "journal_damaged: data/astro.sqlite: the journal is damaged: database disk image is malformed; \(remedy)")
  }

  /// Whatever a bit says, the answer is the truth or an error: never a crash, and never silence about damage that was met.
  @Test func aFlippedBitIsAnErrorOrHarmless() throws {
    let journal = try fixture.open()
    try journal.insert(run("a"), run("b"))
    try journal.commit { transaction throws in
      try transaction.put(TaskRecord(run: id("a"), task: "t", state: .running))
      try transaction.add(series: ["n": 1])
    }
    journal.close()
    try DatabaseQueue(path: fixture.file).close()  // The last to close takes the log into the file.
    let sound = bytes(of: fixture.file)
    var random = SystemRandomNumberGenerator()
    for round in 0..<150 {
      var damaged = sound
      // The header and the schema one by one, then anywhere.
      let place = round < 100 ? round : Int.random(in: 0..<sound.count, using: &random)
      damaged[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      write(damaged, to: fixture.file)
      // With the count of what the last round committed.
      for name in ["/astro.sqlite-wal", "/astro.sqlite-shm", "/journal.lock"] { unlink(fixture.data + name) }
      do throws(Failure) {
        let journal = try Journal.open(dataDirectory: fixture.data, bootID: "a", clock: fixture.clock)
        _ = try journal.read { (try $0.runs(), try $0.tasks(of: id("a")), try $0.series(), try $0.agents()) }
        try journal.commit { try $0.add(series: ["m": 1]) }
      } catch {
        #expect(error.code == .journalDamaged, "byte \(place): \(error)")
        #expect(error.description.hasPrefix(fixture.file), "byte \(place): \(error)")
      }
    }
  }

  /// R29: numbers in the header that our own tables give the lie to.
  @Test(arguments: ["user_version = 3", "user_version = -7", "application_id = 1"])
  func aHeaderThatItsTablesContradictIsDamage(pragma: String) throws {
    try fixture.open().close()
    try makeDatabase("PRAGMA \(pragma)")
    #expect(refusal()?.hasPrefix("journal_damaged: data/astro.sqlite: the journal is damaged: its version is ") == true)
  }

  @Test func tablesThatAreNotOursAreDamage() throws {
    try fixture.open().close()
    try makeDatabase("DROP INDEX run_claimed")
    #expect(refusal()?.contains("its tables are not those of its version") == true)
  }

  /// R29: what SQLite alone would take for the end of the log.
  @Test func aLogThatWasChangedInItsMiddleIsRefusedAndLeftAlone() throws {
    let journal = try fixture.open()
    for name in ["a", "b", "c"] { try journal.insert(run(name)) }
    let log = bytes(of: fixture.file + "-wal")
    let main = bytes(of: fixture.file)
    journal.close()
    func open(_ log: [UInt8]) throws -> String? {
      for suffix in ["-wal", "-shm"] { unlink(fixture.file + suffix) }
      write(main, to: fixture.file)
      write(log, to: fixture.file + "-wal")
      return refusal()
    }
    #expect(try open(log) == nil)
    let frames = (log.count - 32) / 4120
    try #require(frames > 4)
    for place in [5, 20, 32 + 9, 32 + 4120 + 100, 32 + 4120 * (frames / 2) + 30] {
      var damaged = log
      damaged[place] ^= 4
      let answer = try open(damaged)
      #expect(answer?.contains("of its write-ahead log is not right") == true, "byte \(place): \(answer ?? "opened")")
      #expect(bytes(of: fixture.file + "-wal") == damaged)
    }
    // What a power cut may leave: the last transaction torn, which was not counted.
    var torn = log
    torn[log.count - 50] ^= 1
    for log in [torn, Array(log.dropLast(2000))] {
      write(Array("2\n".utf8), to: fixture.data + "/journal.lock")
      #expect(try open(log) == nil)
    }
  }

  /// Two transactions were torn by power cuts, the second shorter than the first, and a third by a kill: what is left of them
  /// has this log's salt, and a commit among it, and lies behind the last frame that is right.
  @Test func whatTornTransactionsLeftInTheLogIsNoDamage() throws {
    let journal = try fixture.open()
    var ends: [Int] = []
    for name in ["a", "b", "c"] {
      try journal.insert(run(name))
      ends.append(bytes(of: fixture.file + "-wal").count)
    }
    let (main, log) = (bytes(of: fixture.file), bytes(of: fixture.file + "-wal"))
    journal.close()
    for suffix in ["-wal", "-shm"] { unlink(fixture.file + suffix) }
    write(main, to: fixture.file)
    let frame = 24 + 4096
    write(
      Array(log[..<ends[0]] + log[(ends[2] - frame)..<ends[2]] + log[(ends[1] - frame)..<ends[1]]),
      to: fixture.file + "-wal")
    write(Array("1\n".utf8), to: fixture.data + "/journal.lock")
    let reopened = try fixture.open()
    let runs = try reopened.read { try $0.runs() }
    #expect(runs.map(\.id) == [id("a")])
  }

  /// R29: a log that ends too early is a sound one to SQLite, and so is none.
  @Test func aJournalThatHasLostCommitsIsRefusedByWhoeverOpensIt() throws {
    let journal = try fixture.open()
    for name in ["a", "b", "c"] { try journal.insert(run(name)) }
    try journal.commit { _ in }  // Changes nothing, and counts for nothing.
    let (main, log) = (bytes(of: fixture.file), bytes(of: fixture.file + "-wal"))
    journal.close()
    #expect(bytes(of: fixture.data + "/journal.lock") == Array("3\n".utf8))
    for (left, flaw) in [([], "its last 3 commits are gone"), (Array(log.dropLast(2000)), "its last commit is gone")] {
      for suffix in ["-wal", "-shm"] { unlink(fixture.file + suffix) }
      write(main, to: fixture.file)
      if !left.isEmpty { write(left, to: fixture.file + "-wal") }
      let sentence = "journal_damaged: data/astro.sqlite: the journal is damaged: \(flaw); \(remedy)"
      #expect(refusal() == sentence)
      let failure = #expect(throws: Failure.self) { try Journal.openReading(dataDirectory: fixture.data) }
      #expect(failure?.message == "the journal is damaged: \(flaw); \(remedy)")
      #expect(bytes(of: fixture.file + "-wal") == left)
    }
  }

  @Test func aJournalThatIsGoneThoughItHadCommitsIsRefused() throws {
    let journal = try fixture.open()
    try journal.insert(run("a"))
    journal.close()
    for suffix in ["", "-wal", "-shm"] { unlink(fixture.file + suffix) }
    #expect(
      refusal()
        == "journal_damaged: data/astro.sqlite: the journal is missing, and commits were made to it; \(remedy)")
  }

  /// A short log is left to the next one who opens the journal; a long one is taken into the file.
  @Test func aShortLogStaysWhenTheJournalIsClosed() throws {
    let journal = try fixture.open()
    try journal.insert(run("a"))
    let log = bytes(of: fixture.file + "-wal")
    journal.close()
    #expect(bytes(of: fixture.file + "-wal") == log)
    let second = try fixture.open()
    #expect(try second.read { try $0.run(id("a")) } == run("a"))
    try second.commit { transaction throws in
      for i in 0..<200 { try transaction.insert(run("r\(i)"), content: [UInt8](repeating: 0x61, count: 4000)) }
    }
    second.close()
    #expect(access(fixture.file + "-wal", F_OK) != 0)
  }

  /// What is in a log that has lost its name goes into the file after all.
  @Test func aLogThatIsTakenAwayWhileItIsOpenIsNotLost() throws {
    let journal = try fixture.open()
    try journal.insert(run("a"))
    unlink(fixture.file + "-wal")
    journal.close()
    #expect(try fixture.open().read { try $0.run(id("a")) } == run("a"))
  }

  @Test func aJournalThatIsTakenAwayWhileItIsOpenTakesNothingMore() throws {
    let journal = try fixture.open()
    try journal.insert(run("a"))
    unlink(fixture.file)
    #expect(throws: Failure.self) { try journal.insert(run("b")) }
    write([], to: fixture.file)
    let failure = #expect(throws: Failure.self) { try journal.insert(run("b")) }
    #expect(failure?.code == .journalDamaged)
    #expect(failure?.message.contains("was removed or replaced while it was in use") == true)
  }

  @Test func aDirectoryInItsPlaceIsRefused() {
    mkdir(fixture.data, 0o700)
    mkdir(fixture.file, 0o700)
    #expect(refusal()?.hasPrefix("io: data/astro.sqlite: cannot open the journal: ") == true)
  }

  @Test func aCopyThatLostTheWriteAheadLogGetsItBack() throws {
    let journal = try fixture.open()
    try journal.insert(run("a"))
    journal.close()
    let copy = fixture.home.path("copy.sqlite")
    try makeDatabase("VACUUM INTO '\(copy)'")
    #expect(bytes(of: copy)[18] == 1)
    rename(copy, fixture.file)
    let restored = try fixture.open()
    #expect(try restored.read { try $0.run(id("a")) } == run("a"))
    restored.close()
    #expect(bytes(of: fixture.file)[18] == 2)
  }

  @Test func aMissingParentDirectoryIsAnErrorThatNamesIt() {
    let path = fixture.home.path("no/data")
    let failure = #expect(throws: Failure.self) {
      try Journal.open(dataDirectory: path, bootID: "a", clock: HandClock())
    }
    #expect(failure?.code == .cannotCreate)
    #expect(failure?.description == "\(path): cannot create the data directory: No such file or directory")
  }

  @Test func aReadOnlyFileSystemIsAnErrorThatNamesIt() throws {
    try #require(getuid() == 0, "this test mounts a file system: run it as root")
    let mountPoint = fixture.home.path("ro")
    mkdir(mountPoint, 0o700)
    try #require(mount("tmpfs", mountPoint, "tmpfs", UInt(MS_RDONLY), nil) == 0, "cannot mount a tmpfs")
    defer { umount(mountPoint) }
    let failure = #expect(throws: Failure.self) {
      try Journal.open(dataDirectory: mountPoint, bootID: "a", clock: HandClock())
    }
    #expect(failure?.code == .cannotCreate)
    #expect(
      failure?.description == "\(mountPoint)/journal.lock: cannot open the journal's lock: Read-only file system")
  }

  @Test func readersMakeNothing() throws {
    let failure = #expect(throws: Failure.self) { try Journal.openReading(dataDirectory: fixture.data) }
    #expect(failure?.code == .notFound)
    #expect(failure?.description == "\(fixture.file): there is no journal yet: nothing has run in this home")
    #expect(access(fixture.data, F_OK) != 0)
  }

  @Test func aClosedJournalSaysSo() throws {
    let journal = try fixture.open()
    journal.close()
    journal.close()
    #expect(throws: Failure(.journal, subject: fixture.file, message: "the journal is closed")) {
      try journal.commit { _ in }
    }
    #expect(throws: Failure(.journal, subject: fixture.file, message: "the journal is closed")) {
      try journal.read { _ in }
    }
  }
}
