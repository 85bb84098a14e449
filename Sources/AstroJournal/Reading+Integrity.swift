public import AstroCore
import GRDB
import GRDBSQLite

extension Reading {
  /// What SQLite finds wrong with the file, at most ten sentences; empty when it is sound. Reads every page
  /// (`PRAGMA integrity_check`, sqlite.org/pragma.html): about 3 ms for a mebibyte, or 1.5 ms for 1,000 attempts.
  public func damage() throws(Failure) -> [String] {
    try session.rows("PRAGMA integrity_check(10)") { $0.text(0) }.filter { $0 != "ok" }
  }

  /// Throws `journal_damaged` for the first row that this version cannot have written.
  public func requireReadable() throws(Failure) {
    _ = try session.rows("SELECT * FROM run") { _ = try decodeRun($0) }
    _ = try session.rows("SELECT * FROM task") { _ = try decodeTask($0) }
    _ = try session.rows("SELECT * FROM attempt") { _ = try decodeAttempt($0) }
    _ = try limitStates()
  }

  /// Its size in bytes, without the log.
  var size: Int64 {
    get throws(Failure) {
      try session.rows("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()") {
        $0[0] as Int64? ?? 0
      }.first ?? 0
    }
  }
}

extension Journal {
  /// Up to this size the whole file is looked at by whoever begins to work on it.
  private static let cheap: Int64 = 1 << 20
  private static let examined = "examined_at"

  /// Throws `journal_damaged` when SQLite finds the file damaged. All of it is looked at when it is small, when `always`, and
  /// else once a day by whoever comes first; what is damaged and not looked at is found when it is read.
  public func examine(always: Bool) throws(Failure) {
    let now = now.wall
    let (size, last) = try read { (try $0.size, try $0.meta(Self.examined)) }
    let age = last.flatMap { Int64($0) }.map { now - Timestamp(microseconds: $0) }
    let isDue = age.map { $0 < .zero || $0 > .seconds(86_400) } ?? true
    guard always || size <= Self.cheap || isDue else { return }
    if let first = try read({ try $0.damage() }).first { throw .damaged(first, path: path) }
    if size > Self.cheap { try commit { try $0.set(meta: Self.examined, to: String(now.microseconds)) } }
  }
}

/// The SQLite this program is linked with.
public enum SQLiteLibrary {
  /// `3.40.1`.
  public static var version: String { String(cString: sqlite3_libversion()) }

  /// Whether two connections can lose a commit by resetting the WAL while another commits: all versions before 3.51.3
  /// (sqlite.org/wal.html). The journal's gate keeps the two from ever meeting.
  public static var hasResetRace: Bool { sqlite3_libversion_number() < 3_051_003 }
}
