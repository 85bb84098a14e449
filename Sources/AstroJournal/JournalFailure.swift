import AstroCore
import GRDB
import Glibc

extension Failure {
  /// A failed system call: `errno` as it stands.
  static func system(_ code: Code, subject: String, _ message: String) -> Failure {
    let number = Glibc.errno
    return Failure(code, subject: subject, message: message, errno: number, reason: String(cString: strerror(number)))
  }

  /// What SQLite said, told apart by what can be done about it: make room (`no_space`), look at the disk (`io`), restore
  /// the file (`journal`), or try again (`unavailable`).
  /// - Parameter systemError: sqlite3_system_errno() right after the error; 0 when there was none.
  init(_ error: DatabaseError, path: String, systemError: Int32) {
    let number: Int32? = systemError == 0 ? nil : systemError
    func failure(_ code: Code, _ message: String) -> Failure {
      let reason = number.map { String(cString: strerror($0)) } ?? error.message
      return Failure(code, subject: path, message: message, errno: number, reason: reason)
    }
    let full = Failure(
      .noSpace, subject: path, message: "no space left for the journal", errno: number ?? ENOSPC,
      reason: String(cString: strerror(number ?? ENOSPC)))
    switch error.resultCode {
    case .SQLITE_FULL: self = full
    // What the header says in a way that no version of SQLite has written.
    case .SQLITE_ERROR where error.message?.contains("unsupported file format") == true:
      self = .damaged("its header is not right", path: path)
    case .SQLITE_IOERR where Self.endsTooEarly(error):
      self = .damaged("it ends too early", path: path)
    case .SQLITE_IOERR:
      // The shared-memory file and quotas report a full disk as an I/O error, some of them without a number.
      let isFull = number == ENOSPC || number == EDQUOT || (number == nil && Self.isFull(path))
      self = isFull ? full : failure(.io, "cannot read or write the journal")
    case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_FORMAT:
      self = .damaged(error.message ?? "it cannot be read", path: path)
    case .SQLITE_BUSY, .SQLITE_LOCKED: self = failure(.unavailable, "the journal is locked by another process")
    case .SQLITE_CANTOPEN:
      // Said of the files beside it, too, and mostly without a number.
      if number == ENOSPC || number == EDQUOT || (number == nil && Self.isFull(path)) {
        self = full
      } else if let number = number ?? Self.shortageOfDescriptors, [EMFILE, ENFILE].contains(number) {
        let reason = String(cString: strerror(number))
        self = Failure(.unavailable, subject: path, message: "cannot open the journal", errno: number, reason: reason)
      } else {
        self = failure(.io, "cannot open the journal")
      }
    case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH: self = failure(.io, "the journal cannot be written")
    default:
      let code = error.extendedResultCode.rawValue
      self = failure(.journal, "the journal refused a statement (SQLite code \(code))")
    }
  }

  /// Whether the file system of `path` has no room for this user (statvfs(3)).
  private static func isFull(_ path: String) -> Bool {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { return false }
    return status.f_bavail == 0 || (status.f_files > 0 && status.f_favail == 0)
  }

  /// EMFILE or ENFILE, as open(2) says it of any file at this moment.
  private static var shortageOfDescriptors: Int32? {
    let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return Glibc.errno }
    close(descriptor)
    return nil
  }

  private static func endsTooEarly(_ error: DatabaseError) -> Bool {
    [.SQLITE_IOERR_SHORT_READ, .SQLITE_IOERR_CORRUPTFS].contains(error.extendedResultCode)
  }

  /// The journal at `path` is not what was written to it.
  static func damaged(_ what: String, path: String) -> Failure {
    Failure(.journalDamaged, subject: path, message: "the journal is damaged: \(what); \(JournalFile.remedy)")
  }
}
