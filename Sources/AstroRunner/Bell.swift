import AstroProcess
import Glibc

/// How a command tells the runners of a home that the journal has something for them: it touches their lock files, and
/// each runner hears that of its own (inotify(7), IN_ATTRIB). A lost ring costs a rescan's delay, nothing else.
public enum Bell {
  /// Rings for every runner that has a lock file below `runners`.
  public static func ring(runners: String) {
    for name in Listing.readable(in: runners) where name.hasSuffix(".lock") {
      utimensat(AT_FDCWD, "\(runners)/\(name)", nil, AT_SYMLINK_NOFOLLOW)
    }
  }
}

/// The listening end: readable when somebody rang.
final class BellWatch {
  let descriptor: Int32

  init(lockFile: String) {
    descriptor = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
    if descriptor >= 0 { inotify_add_watch(descriptor, lockFile, UInt32(IN_ATTRIB)) }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Whether it rang since the last call.
  func take() -> Bool {
    var buffer = [UInt8](repeating: 0, count: 4096)
    var rang = false
    while descriptor >= 0, read(descriptor, &buffer, buffer.count) > 0 { rang = true }
    return rang
  }
}
