public import AstroCore
import GRDB
import GRDBSQLite

extension Reading {
  /// What SQLite finds wrong with the file, at most ten sentences; empty when it is sound. Reads every page, and the
  /// indexes only as far as their order goes (`PRAGMA quick_check`, sqlite.org/pragma.html).
  public func damage() throws(Failure) -> [String] {
    try session.rows("PRAGMA quick_check(10)") { $0.text(0) }.filter { $0 != "ok" }
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
