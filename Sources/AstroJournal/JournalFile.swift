import AstroCore
import Glibc

/// The file under its name, and what is said when it is not what it should be.
enum JournalFile {
  static let name = "astro.sqlite"
  /// The lock file of the ``WriteGate``.
  static let gate = "journal.lock"
  /// There while a damaged journal is being replaced: see ``JournalReplacement``.
  static let pending = "rebuild.pending"
  /// What SQLite keeps, beside the file itself, under its name.
  static let parts = ["", "-wal", "-shm", "-journal"].map { name + $0 }

  static let remedy = "put it back from a backup, or rebuild it: astro doctor --rebuild-journal"

  /// Makes an empty file that only its owner may read, when there is none. Survives a crash: an empty file is an empty
  /// database. Never opened here: closing a descriptor of it would drop the POSIX locks of this process's connections.
  static func create(_ path: String) throws(Failure) {
    guard mknod(path, S_IFREG | 0o600, 0) != 0, errno != EEXIST else { return }
    throw Failure.system(.cannotCreate, subject: path, "cannot create the journal")
  }

  /// What must hold before SQLite may touch the file: it would make a new one in the place of one that is missing, and
  /// overwrite what it cannot read of the log. Called where nobody writes.
  static func requireUsable(_ path: String) throws(Failure) {
    var status = stat()
    if lstat(pendingMark(beside: path), &status) == 0 {
      throw Failure(
        .journalDamaged, subject: path,
        message: "the journal was being rebuilt when that ended; finish it: astro doctor --rebuild-journal")
    }
    if stat(path, &status) != 0, errno == ENOENT { return try requireNothingToKnow(path, but: "is missing") }
    if status.st_size == 0 { return try requireNothingToKnow(path, but: "is empty") }
    if let what = try WriteAheadLog.damage(at: path + "-wal") { throw .damaged(what, path: path) }
  }

  static func gate(beside path: String) -> String { directory(of: path) + gate }
  static func pendingMark(beside path: String) -> String { directory(of: path) + pending }

  private static func directory(of path: String) -> String { String(path.dropLast(name.utf8.count)) }

  /// A journal without content in a home where runs have lain, or commits were made, has lost it: to begin anew would run
  /// again what is in `spool/active/`, forget what submitted files are to be run with, and let counters and limits fall to
  /// nothing.
  static func requireNothingToKnow(_ path: String, but flaw: String) throws(Failure) {
    try requireNoRuns(path, but: flaw)
    guard CommitCount.noted(at: gate(beside: path)) > 0 else { return }
    throw Failure(
      .journalDamaged, subject: path, message: "the journal \(flaw), and commits were made to it; \(remedy)")
  }

  private static func requireNoRuns(_ path: String, but flaw: String) throws(Failure) {
    guard let runs = opendir(directory(of: path) + "runs") else { return }
    defer { closedir(runs) }
    while let entry = readdir(runs) {
      let entry = withUnsafeBytes(of: entry.pointee.d_name) { $0.prefix { $0 != 0 }.map(\.self) }
      guard WorkflowID(minted: String(decoding: entry, as: UTF8.self)) != nil else { continue }
      throw Failure(
        .journalDamaged, subject: path,
        message: "the journal \(flaw), and data/runs holds runs it must know of; \(remedy)")
    }
  }

  static func newer(_ version: Int64, path: String) -> Failure {
    Failure(
      .journal, subject: path,
      message: "made by a newer astro (version \(version) of the journal, this one knows \(Schema.version))")
  }

  /// For whoever only reads: what writes brings the file up to date as it opens it.
  static func older(_ version: Int64, path: String) -> Failure {
    Failure(
      .journal, subject: path,
      message:
        "made by an older astro (version \(version) of the journal, this one has \(Schema.version)); the next run "
        + "brings it up to date: astro drain")
  }

  static func foreign(path: String) -> Failure {
    Failure(
      .journalDamaged, subject: path, message: "is a SQLite database, but not a journal of astro; \(remedy)")
  }

  /// Which file a path leads to.
  struct Identity: Equatable {
    private let device: UInt64
    private let inode: UInt64

    init?(of path: String) {
      var status = stat()
      guard stat(path, &status) == 0 else { return nil }
      device = UInt64(status.st_dev)
      inode = UInt64(status.st_ino)
    }
  }
}
