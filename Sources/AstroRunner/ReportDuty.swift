import AstroCore
import CLinux
import Glibc

/// Which of several runners writes the files that tell of a home, health and metrics: the watcher while there is one,
/// else whichever pass is due.
///
/// Three bytes of one file, locked by open file description (fcntl(2), F_OFD_SETLK), so that the kernel lets go of them
/// with the process:
/// - the *pen*, held while a file is made and replaced. What a page says is read under it, so that of two runners none
///   replaces a page by an older one, in which counters would go backwards;
/// - the *watcher's*, taken under the pen and kept until the watcher ends. A watcher that finds it taken by another one
///   tries again whenever it would write;
/// - the *passes'*, shared by every pass until it ends: the last one to leave says that nobody is there.
final class ReportDuty {
  enum Role { case watcher, pass }

  /// What came of the wish to write.
  enum Turn: Equatable {
    case written
    /// Somebody is writing at this moment.
    case busy
    /// A watcher writes, and this runner is not it.
    case others
  }

  private enum Byte: Int64 { case pen, watcher, passes }

  private let path: String
  private let role: Role
  private let descriptor: Int32
  private var isWatcher = false

  init(path: String, role: Role) throws(Failure) {
    self.path = path
    self.role = role
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Self.failure(path, "cannot open the lock of the reports") }
    if role == .pass { _ = try lock(.passes, F_RDLCK) }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Runs `body` alone among all runners of the home, if it is this one's to write. Never waits: a stopped process may
  /// hold the pen.
  func perform(_ body: () throws(Failure) -> Void) throws(Failure) -> Turn {
    guard try lock(.pen, F_WRLCK) else { return .busy }
    defer { _ = clinux_lock_byte(descriptor, Byte.pen.rawValue, F_UNLCK) }
    switch role {
    case .watcher:
      if !isWatcher { isWatcher = try lock(.watcher, F_WRLCK) }
      guard isWatcher else { return .others }
    case .pass: if isLocked(.watcher) { return .others }
    }
    try body()
    return .written
  }

  /// Whether no other pass is at work. To be asked inside ``perform(_:)``, where no other can be writing that it is.
  var isLastPass: Bool { !isLocked(.passes) }

  private func lock(_ byte: Byte, _ kind: Int32) throws(Failure) -> Bool {
    if clinux_lock_byte(descriptor, byte.rawValue, kind) == 0 { return true }
    guard errno == EAGAIN || errno == EACCES else { throw Self.failure(path, "cannot lock") }
    return false
  }

  private func isLocked(_ byte: Byte) -> Bool { clinux_byte_is_locked(descriptor, byte.rawValue) == 1 }

  private static func failure(_ path: String, _ message: String) -> Failure {
    let number = errno
    return Failure(.io, subject: path, message: message, errno: number, reason: String(cString: strerror(number)))
  }
}
