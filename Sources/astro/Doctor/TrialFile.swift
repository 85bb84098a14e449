import AstroCore
import CLinux
import Glibc

/// A file that the doctor makes to see what its file system can do, gone when it has seen. Its name begins with a dot:
/// neither a runner nor anything else takes it up, should a kill leave it behind.
final class TrialFile {
  private var path: String
  private let descriptor: Int32

  init?(in directory: String) {
    path = "\(directory)/.astro-doctor-\(getpid())"
    // Never a file that another user has put there under this name.
    unlink(path)
    descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { return nil }
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    unlink(path)
  }

  /// `errno` of the rename, or nil.
  func rename(into directory: String) -> Int32? {
    let target = "\(directory)/.astro-doctor-\(getpid()).renamed"
    guard Glibc.rename(path, target) == 0 else { return errno }
    path = target
    return nil
  }

  /// Whether the file system tells that nobody writes to a file (fcntl(2), F_SETLEASE).
  var takesLease: Bool {
    // Not the file itself: it is open for writing here, which is what a lease tells.
    let another = "\(path).lease"
    let writer = open(another, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard writer >= 0 else { return false }
    close(writer)
    defer { unlink(another) }
    let file = open(another, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return false }
    defer { close(file) }
    return clinux_lease_read(file) == 0 && clinux_lease_release(file) == 0
  }

  /// Whether a second lock on the same file is refused, as flock(2) promises.
  var excludesOthers: Bool {
    let other = open(path, O_RDWR | O_CLOEXEC)
    guard other >= 0 else { return false }
    defer { close(other) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return false }
    defer { flock(descriptor, LOCK_UN) }
    return flock(other, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK
  }

  /// How far the file system's clock is ahead of the system's.
  var skew: Duration? {
    var byte: UInt8 = 0x0A
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    var status = stat()
    guard write(descriptor, &byte, 1) == 1, fstat(descriptor, &status) == 0 else { return nil }
    let ahead = (status.st_mtim.tv_sec - now.tv_sec) * 1000 + (status.st_mtim.tv_nsec - now.tv_nsec) / 1_000_000
    return .milliseconds(ahead)
  }
}
