import AstroCore
import GRDB
import Glibc

/// How many commits there have been: in the journal, changed with each, and beside it in the file of the ``WriteGate``,
/// written after each. Where the number beside it is greater, the journal has lost its last commits: its log was taken away
/// or cut while nobody had it open, and SQLite finds what is left sound.
///
/// The number beside it is not synchronized. A power cut may leave an older one, and never a newer one, since it is written
/// only when the commit is durable. Where there is none, nothing is proved.
enum CommitCount {
  /// Of the table `meta`.
  static let key = "commits"

  /// Counts the transaction that is under way.
  static func add(in session: Session) throws(Failure) -> Int64 {
    let counts = try session.rows(
      """
      INSERT INTO meta VALUES('commits', '1') ON CONFLICT DO UPDATE SET value = CAST(value AS INTEGER) + 1 \
      RETURNING value
      """
    ) { Int64($0.text(0)) ?? 0 }
    return counts.first ?? 0
  }

  /// Throws `journal_damaged` when the journal has fewer than the `noted` ones.
  static func require(_ noted: Int64, in db: Database, path: String) throws {
    guard noted > 0 else { return }
    let value = try String.fetchOne(db, sql: "SELECT value FROM meta WHERE key = ?", arguments: [key])
    let lost = noted - (value.flatMap { Int64($0) } ?? 0)
    guard lost > 0 else { return }
    throw Failure.damaged(lost == 1 ? "its last commit is gone" : "its last \(lost) commits are gone", path: path)
  }

  /// What was noted last in the gate's file at `path`.
  static func noted(at path: String) -> Int64 {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { return 0 }
    defer { close(descriptor) }
    return noted(in: descriptor)
  }

  /// Decimal digits and a newline.
  static func noted(in descriptor: Int32) -> Int64 {
    var text = [UInt8](repeating: 0, count: 20)
    let count = pread(descriptor, &text, text.count, 0)
    guard count > 0, let end = text[..<count].firstIndex(of: 0x0A) else { return 0 }
    return Int64(String(decoding: text[..<end], as: UTF8.self)) ?? 0
  }

  /// One that cannot be written leaves an older number, which proves less and nothing that is not so.
  static func note(_ count: Int64, in descriptor: Int32) {
    let text = Array("\(count)\n".utf8)
    pwrite(descriptor, text, text.count, 0)
  }
}
