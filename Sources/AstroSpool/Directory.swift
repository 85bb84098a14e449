import AstroCore
import CLinux
import Glibc

/// An open directory. Everything in it is named relative to its descriptor, so that nothing done here can be led
/// elsewhere by a path that changes meanwhile.
final class Directory {
  let path: String
  let descriptor: Descriptor

  /// Opens `path`, which may be reached through links.
  init(path: String) throws(Failure) {
    let number = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard number >= 0 else { throw .system(path, "cannot open the directory", errno) }
    self.path = path
    descriptor = Descriptor(number)
  }

  /// Opens the sub-directory `name` of `parent`, making it (0700) when missing. A link in its place is refused: whoever
  /// may write to the spool could otherwise send every settled file anywhere.
  init(_ name: String, in parent: borrowing Directory) throws(Failure) {
    path = "\(parent.path)/\(name)"
    let made = mkdirat(parent.descriptor.number, name, 0o700)
    guard made == 0 || errno == EEXIST else { throw .system(path, "cannot create the directory", errno) }
    let number = openat(parent.descriptor.number, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
    guard number >= 0 else { throw .system(path, "cannot open the directory", errno) }
    descriptor = Descriptor(number)
    // A power cut must not take a new place away again while files are already being settled into it.
    if made == 0 { try parent.synchronize() }
  }

  /// Opens the sub-directory `name` of `parent`, which must be there. A link in its place is refused.
  init(existing name: FileName, in parent: borrowing Directory) throws(Failure) {
    path = parent.path(of: name)
    let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW
    let number = name.withCString { openat(parent.descriptor.number, $0, flags) }
    guard number >= 0 else { throw .system(parent.path(of: name), "cannot open the directory", errno) }
    descriptor = Descriptor(number)
  }

  /// Throws when names cannot be made and removed in it: for its mode, its file system or its attributes (access(2)).
  func requireWritable() throws(Failure) {
    guard faccessat(descriptor.number, ".", W_OK | X_OK, AT_EACCESS) == 0 else {
      throw .system(path, "cannot be written to", errno)
    }
  }

  func path(of name: FileName) -> String { "\(path)/\(name.printable)" }

  /// lstat(2) of a name; `nil` when nothing has it.
  func status(of name: FileName) throws(Failure) -> FileStatus? {
    var status = stat()
    if name.withCString({ fstatat(descriptor.number, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0 {
      return FileStatus(status)
    }
    // A name longer than the file system's limit cannot exist either.
    if errno == ENOENT || errno == ENAMETOOLONG { return nil }
    throw .system(path(of: name), "cannot read its status", errno)
  }

  enum Opening: ~Copyable {
    case opened(Descriptor)
    case missing
    case denied
    /// A link, a socket or a device without a driver stands there.
    case notAFile
  }

  /// Opens a file for reading without following a link, waiting for a pipe's other end, or taking a terminal.
  func open(_ name: FileName) throws(Failure) -> Opening {
    let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC
    let number = uninterrupted { name.withCString { openat(descriptor.number, $0, flags) } }
    if number >= 0 { return .opened(Descriptor(number)) }
    switch errno {
    case ENOENT: return .missing
    case EACCES, EPERM: return .denied
    case ELOOP, ENXIO, ENODEV: return .notAFile
    default: throw .system(path(of: name), "cannot open it", errno)
    }
  }

  /// fsync(2) of the directory: what was created, renamed or removed in it before stays so after a power cut.
  func synchronize() throws(Failure) { try descriptor.synchronize(path) }
}
