import AstroCore
import CSQLite
import GRDB
import GRDBSQLite
import Glibc

/// One connection to the database file, its prepared statements, and what it counted.
///
/// Errors leave it as ``Failure`` only. After an error inside a transaction it refuses further statements until the
/// transaction is over: SQLite ends a transaction by itself on some errors (full disk, I/O), and a caller that went on
/// regardless would commit the rest piece by piece.
final class Connection {
  enum Access {
    case reading, writing
    /// Reading without the file that processes share the log's index in. Only behind the gate: nobody may write meanwhile.
    case readingAlone
  }

  let path: String
  private let queue: DatabaseQueue
  /// By the address of the literal: a literal is one statement, and hashing an address costs less than its text.
  private var statements: [UnsafePointer<UInt8>: Prepared] = [:]
  private var statistics = JournalStatistics()
  private var poison: Failure?

  private struct Prepared {
    let statement: Statement
    let operation: QueryOperation
  }

  init(path: String, access: Access) throws(Failure) {
    self.path = path
    var configuration = Configuration()
    configuration.readonly = access != .writing
    configuration.busyMode = .timeout(10)
    configuration.foreignKeysEnabled = false
    configuration.label = "astro.journal"
    configuration.prepareDatabase { db in
      // Before anything is read: it is what keeps the index of the log in memory.
      if access == .readingAlone { try db.execute(sql: "PRAGMA locking_mode = EXCLUSIVE") }
      // FULL: a commit is on disk when it returns. NORMAL forgets the last commits in a power cut.
      // No mmap: a stray write or a truncation by others would become damage or SIGBUS instead of an error.
      try db.execute(
        sql: "PRAGMA synchronous = FULL; PRAGMA cache_size = -2048; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY")
    }
    do {
      queue = try DatabaseQueue(
        path: access == .readingAlone ? Self.aloneURI(path) : path, configuration: configuration)
    } catch {
      throw Self.failure(error, path: path, systemError: 0)
    }
  }

  /// A name by which SQLite asks for no lock, for which a read-only descriptor is too little (https://sqlite.org/uri.html).
  /// With an empty log the file itself is all there is: SQLite would make a missing one otherwise.
  private static func aloneURI(_ path: String) -> String {
    var log = stat()
    let hasLog = stat(path + "-wal", &log) == 0 && log.st_size > 0
    var name = ""
    for byte in path.utf8 {
      let isPlain = byte < 0x80 && byte > 0x20 && ![0x23, 0x25, 0x3F].contains(byte)  // # % ?
      let digits = String(byte, radix: 16)
      name += isPlain ? String(UnicodeScalar(byte)) : "%" + (digits.count == 1 ? "0" : "") + digits
    }
    return "file:\(name.hasPrefix("/") ? "//" : "")\(name)?\(hasLog ? "vfs=unix-none" : "immutable=1")"
  }

  /// Up to this size, in bytes, the log is left to the next runner as it is: four single-task passes of five leave one. To
  /// take it into the file and begin a new one costs three fsyncs, to read it back at each opening under a millisecond.
  /// Should it be taken away meanwhile, ``CommitCount`` tells.
  private static let leftLog = 512 << 10

  /// Closes the file. A writer calls this inside the gate: the last connection to close takes a longer log into the file.
  func close() {
    // A statement that lives on would keep the connection, and so the checkpoint, for later.
    statements.removeAll()
    var log = stat()
    // An empty one has not what this connection wrote: the log was taken away while it was open.
    if stat(path + "-wal", &log) == 0, log.st_size > 0, log.st_size <= Self.leftLog {
      queue.writeWithoutTransaction { db in _ = csqlite_keep_log_on_close(db.sqliteConnection) }
    }
    try? queue.close()
    // Kept for good, some hundred bytes: to free a queue libdispatch wants a thread, and where the machine has none left it
    // waits for one for as long as that lasts.
    _ = Unmanaged.passRetained(queue)
  }

  func takeStatistics() -> JournalStatistics {
    defer { statistics = JournalStatistics() }
    return statistics
  }

  /// BEGIN, `body`, COMMIT; ROLLBACK when either throws. Survives a kill at any point: what was not committed is
  /// ignored by the next reader of the WAL, what was committed is on disk.
  func transaction<T>(
    _ access: Access, _ body: (Session) throws -> T
  ) throws(Failure) -> T {
    do {
      return try queue.writeWithoutTransaction { db in
        poison = nil
        try db.beginTransaction(access == .writing ? .immediate : .deferred)
        do {
          let result = try body(Session(connection: self, db: db))
          if let poison { throw poison }
          try commit(db, access)
          return result
        } catch {
          let failure = Self.failure(error, path: path, systemError: Self.systemError(db))
          // May fail where SQLite has rolled back already; the error that led here is the one to report.
          try? db.rollback()
          throw failure
        }
      }
    } catch {
      throw Self.failure(error, path: path, systemError: 0)
    }
  }

  /// Runs `body` outside any transaction: for pragmas that demand it.
  func withoutTransaction<T>(_ body: (Database) throws -> T) throws(Failure) -> T {
    do {
      return try queue.writeWithoutTransaction { db in
        do { return try body(db) } catch {
          throw Self.failure(error, path: path, systemError: Self.systemError(db))
        }
      }
    } catch {
      throw Self.failure(error, path: path, systemError: 0)
    }
  }

  private func commit(_ db: Database, _ access: Access) throws {
    let start = monotonicNanoseconds()
    try db.commit()
    if access == .writing { statistics.commits.observe(monotonicNanoseconds() - start) }
  }

  /// Runs one statement, prepared at its first use, timed and counted.
  func perform<T>(
    _ sql: StaticString, on db: Database, _ body: (Statement) throws -> T
  ) throws(Failure) -> T {
    if let poison { throw poison }
    do {
      let prepared = try prepared(sql, on: db)
      let start = monotonicNanoseconds()
      defer {
        statistics.queries[prepared.operation, default: .init()].observe(monotonicNanoseconds() - start)
      }
      return try body(prepared.statement)
    } catch {
      let failure = Self.failure(error, path: path, systemError: Self.systemError(db))
      poison = failure
      throw failure
    }
  }

  private func prepared(_ sql: StaticString, on db: Database) throws -> Prepared {
    if let known = statements[sql.utf8Start] { return known }
    let operation: QueryOperation =
      switch UnicodeScalar(sql.utf8Start.pointee) {
      case "I": .insert
      case "U": .update
      case "D": .delete
      default: .select
      }
    let new = Prepared(statement: try db.makeStatement(sql: sql.description), operation: operation)
    statements[sql.utf8Start] = new
    return new
  }

  private static func systemError(_ db: Database) -> Int32 {
    db.sqliteConnection.map { sqlite3_system_errno($0) } ?? 0
  }

  private static func failure(_ error: any Error, path: String, systemError: Int32) -> Failure {
    switch error {
    case let failure as Failure: failure
    case let error as DatabaseError: Failure(error, path: path, systemError: systemError)
    default: Failure(.journal, subject: path, message: "\(error)")
    }
  }
}

/// A transaction in progress on a ``Connection``.
struct Session {
  let connection: Connection
  let db: Database

  /// Runs a statement that changes rows and returns how many.
  @discardableResult
  func run(_ sql: StaticString, _ arguments: Arguments = []) throws(Failure) -> Int {
    try connection.perform(sql, on: db) { statement in
      try arguments.execute(statement.sqliteStatement)
      return db.changesCount
    }
  }

  /// All rows a query gives, decoded one by one.
  func rows<T>(
    _ sql: StaticString, _ arguments: StatementArguments = [], _ decode: (Row) throws -> T
  ) throws(Failure) -> [T] {
    try connection.perform(sql, on: db) { statement in
      let cursor = try Row.fetchCursor(statement, arguments: arguments)
      var result: [T] = []
      while let row = try cursor.next() { result.append(try decode(row)) }
      return result
    }
  }

  func malformed(_ what: String) -> Failure { .damaged(what, path: connection.path) }
}
