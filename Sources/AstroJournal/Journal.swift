public import AstroCore
import GRDB
import GRDBSQLite
import Glibc

/// The one durable memory of a home, `data/astro.sqlite`: runs, tasks, attempts, limits, counters.
///
/// A journal belongs to the thread or task that opened it and is not shared. Writes of all processes are serialised by
/// one gate (`data/journal.lock`) and are on disk when ``commit(_:)`` returns; reads never wait for a writer.
public final class Journal {
  /// The database file.
  public let path: String
  /// The boot that ``Transaction/now`` is counted on.
  public let bootID: String
  private let clock: any AstroCore.Clock
  private let gate: WriteGate
  private let connection: Connection
  private let identity: JournalFile.Identity?
  private var state = State.open
  /// Limit states of earlier boots are cleared away once, at the first write of a limit.
  private var limitUpkeep = LimitUpkeep.due

  private enum State { case open, closed }

  /// Opens the journal in `dataDirectory`, which is made when missing, and creates or upgrades the file when needed.
  ///
  /// Throws `journal_damaged` for a file that is missing though it was there, has lost its last commits, cannot be read, or
  /// is a database of someone else; `journal` for one made by a newer version; `io`, `no_space`, `cannot_create` for what the file system
  /// refuses.
  public static func open(
    dataDirectory: String, bootID: String, clock: any AstroCore.Clock
  ) throws(Failure) -> Journal {
    try makeDirectory(dataDirectory)
    let gate = try WriteGate(path: dataDirectory + "/" + JournalFile.gate)
    let path = dataDirectory + "/" + JournalFile.name
    // All of it inside the gate: a connection that is refused closes again, and a close may checkpoint.
    let connection = try gate.locked { () throws(Failure) in
      try JournalFile.requireUsable(path)
      try JournalFile.create(path)
      let connection = try Connection(path: path, access: .writing)
      do throws(Failure) { try prepare(connection, notedCommits: gate.notedCommits) } catch {
        connection.close()
        throw error
      }
      return connection
    }
    return Journal(path: path, bootID: bootID, clock: clock, gate: gate, connection: connection)
  }

  /// Opens the journal in `dataDirectory` for reading only. See ``JournalReader``.
  public static func openReading(dataDirectory: String) throws(Failure) -> JournalReader {
    try JournalReader(dataDirectory: dataDirectory)
  }

  private init(path: String, bootID: String, clock: any AstroCore.Clock, gate: WriteGate, connection: Connection) {
    self.path = path
    self.bootID = bootID
    self.clock = clock
    self.gate = gate
    self.connection = connection
    identity = JournalFile.Identity(of: path)
  }

  deinit { close() }

  /// Closes the file. The last connection checkpoints as it closes, hence inside the gate; nobody waits long for that.
  public func close() {
    guard case .open = state else { return }
    state = .closed
    do throws(Failure) {
      try gate.locked(within: .seconds(1)) { connection.close() }
    } catch {
      // Without the gate a checkpoint could meet a commit of another process: rather leave the file to the kernel, which
      // closes it with the process and checkpoints nothing.
      _ = Unmanaged.passRetained(connection)
    }
  }

  /// One transaction: all of `body` or nothing. When it returns, the change is on disk and survives a kill and a power
  /// cut; when it throws, nothing was changed, but for `io`: after a failed fsync nobody knows, so stop and recover.
  ///
  /// The gate is held while `body` runs: no waiting in it, no I/O but the renames that nobody may come between, and no call
  /// of this journal but through the transaction. What `body` throws is thrown on when it is a ``Failure``.
  public func commit<T>(_ body: (Transaction) throws -> T) throws(Failure) -> T {
    try requireOpen()
    return try gate.locked { () throws(Failure) -> T in
      try requireInPlace()
      let result = try connection.transaction(.writing) { session in
        // Read inside the gate: of two processes the one that commits later has the later time.
        let transaction = Transaction(session: session, now: clock.now(), bootID: bootID, upkeep: limitUpkeep)
        let changes = session.db.totalChangesCount
        let value = try body(transaction)
        try transaction.writeCharged()
        // One that changed nothing writes nothing, and must not wait for the disk.
        let count = session.db.totalChangesCount > changes ? try CommitCount.add(in: session) : nil
        return (value: value, upkeep: transaction.upkeep, count: count)
      }
      if let count = result.count { gate.note(commits: count) }
      limitUpkeep = result.upkeep
      return result.value
    }
  }

  /// Reads one consistent state; needs no gate and waits for no writer.
  public func read<T>(_ body: (Reading) throws -> T) throws(Failure) -> T {
    try requireOpen()
    return try connection.transaction(.reading) { try body(Reading(session: $0)) }
  }

  /// What to throw when the journal contradicts what it must have known.
  public func damaged(_ what: String) -> Failure { .damaged(what, path: path) }

  /// The clock's time now, as transactions see it.
  public var now: Moment { clock.now() }

  /// What was done since the last call, for metrics.
  public func takeQueryStatistics() -> JournalStatistics { connection.takeStatistics() }

  private func requireOpen() throws(Failure) {
    guard case .open = state else { throw Failure(.journal, subject: path, message: "the journal is closed") }
  }

  /// A file that was removed or replaced while it is open here takes what is written to it with it.
  private func requireInPlace() throws(Failure) {
    guard identity == nil || identity != JournalFile.Identity(of: path) else { return }
    throw .damaged("it was removed or replaced while it was in use", path: path)
  }

  private static func prepare(_ connection: Connection, notedCommits: Int64) throws(Failure) {
    try connection.withoutTransaction { db in
      let finding = try Schema.inspect(db)
      switch finding {
      case .current, .empty, .outdated: try Schema.useWriteAheadLog(db, path: connection.path)
      case .newer(let version): throw JournalFile.newer(version, path: connection.path)
      case .foreign: throw JournalFile.foreign(path: connection.path)
      case .damaged(let what): throw Failure.damaged(what, path: connection.path)
      }
      // A version in the header that SQLite does not know makes it read and not write.
      if let handle = db.sqliteConnection, sqlite3_db_readonly(handle, "main") == 1, access(connection.path, W_OK) == 0
      {
        throw Failure.damaged("its header forbids to write to it", path: connection.path)
      }
      switch finding {
      case .empty:
        try JournalFile.requireNothingToKnow(connection.path, but: "is empty")
        try Schema.migrate(db, from: 0)
        // So that the file itself says whose it is; until it does, the log is the database.
        try db.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)")
      case .outdated(let version): try Schema.migrate(db, from: version)
      case .current, .newer, .foreign, .damaged: break
      }
      try CommitCount.require(notedCommits, in: db, path: connection.path)
    }
  }

  /// Survives a crash: a directory that is there already is as good as a new one.
  private static func makeDirectory(_ path: String) throws(Failure) {
    // Whatever the umask: others pass through to the metrics and the health in it.
    if mkdir(path, 0o700) == 0, chmod(path, 0o711) == 0 { return }
    guard errno != EEXIST else { return }
    throw Failure.system(.cannotCreate, subject: path, "cannot create the data directory")
  }
}
