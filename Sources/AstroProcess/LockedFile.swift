import AstroCore
import CLinux
import Glibc

/// A file whose flock(2) says that its owner lives: the kernel releases it at the owner's death, and nothing else does.
/// Close-on-exec keeps commands from inheriting it, which would keep a dead owner alive.
struct LockedFile: ~Copyable {
  private let descriptor: Descriptor

  /// Makes the file under a dot name, locks it, and only then gives it its name: nobody ever sees it unlocked while
  /// its owner lives. A crash before the rename leaves an unlocked dot file, for ``RunnerLock/removeUnborn(dataDirectory:)``;
  /// one after it, a free lock.
  static func create(
    _ name: String, in directory: String, content: String, replacing: Bool
  ) throws(Failure) -> LockedFile? {
    let path = "\(directory)/\(name)"
    let hidden = "\(directory)/.\(name).\(getpid())"
    // Left by one that had our number and died.
    _ = clinux_remove_unlocked(AT_FDCWD, hidden)
    let number = clinux_create_locked(AT_FDCWD, hidden, O_RDWR)
    guard number >= 0 else { throw .kernel(.cannotCreate, path, "cannot create the lock file") }
    let descriptor = Descriptor(owning: number)
    // Held already, but where the file system has no locks at all.
    guard flock(descriptor.number, LOCK_EX | LOCK_NB) == 0 else {
      let number = errno
      unlink(hidden)
      throw .kernel(.io, path, "cannot lock", number)
    }
    let bytes = Array(content.utf8)
    let written = write(descriptor.number, bytes, bytes.count)
    guard written == bytes.count else {
      let number = written < 0 ? errno : ENOSPC
      unlink(hidden)
      throw .kernel(.io, path, "cannot write the owner into the lock file", number)
    }
    let renamed =
      replacing ? rename(hidden, path) : clinux_rename_noreplace(AT_FDCWD, hidden, AT_FDCWD, path)
    guard renamed == 0 else {
      let number = errno
      unlink(hidden)
      if number == EEXIST { return nil }
      throw .kernel(.cannotCreate, path, "cannot rename the lock file into place", number)
    }
    return LockedFile(descriptor: descriptor)
  }

  /// Throws when somebody removed or replaced the file: whoever looks for its owner finds none, and takes it for dead.
  func requireNamed(_ path: String) throws(Failure) {
    guard !descriptor.isNamed(path) else { return }
    throw Failure(
      .tryLater, subject: path,
      message:
        "was removed while its runner is at work: others take what it owns for a dead one's, so it stops here; what "
        + "it started goes on")
  }

  /// What an attempt to take an existing lock met.
  enum Claim: ~Copyable {
    case taken(LockedFile)
    case held
    case absent
  }

  /// Takes the lock if its owner is gone. A file unlinked or replaced between open and lock counts as held: somebody
  /// else has just been here, and holding a lock on a nameless file would prove nothing.
  static func claim(_ path: String) throws(Failure) -> Claim {
    guard let descriptor = Descriptor(opening: path, O_RDWR) else {
      if errno == ENOENT { return .absent }
      throw .kernel(.io, path, "cannot open the lock file")
    }
    guard flock(descriptor.number, LOCK_EX | LOCK_NB) == 0 else {
      if errno == EWOULDBLOCK { return .held }
      throw .kernel(.io, path, "cannot lock")
    }
    guard descriptor.isNamed(path) else { return .held }
    return .taken(LockedFile(descriptor: descriptor))
  }

  /// Whether somebody holds the lock, and what the file says of its owner. Asks with a shared lock, so that two who
  /// ask at once do not take each other for the owner.
  static func inspect(_ path: String) throws(Failure) -> (held: Bool, content: String)? {
    guard let descriptor = Descriptor(opening: path, O_RDONLY) else {
      if errno == ENOENT { return nil }
      throw .kernel(.io, path, "cannot open the lock file")
    }
    let free = flock(descriptor.number, LOCK_SH | LOCK_NB) == 0
    if !free, errno != EWOULDBLOCK { throw .kernel(.io, path, "cannot test the lock") }
    guard let bytes = descriptor.readAll() else { throw .kernel(.io, path, "cannot read the lock file") }
    return (!free, String(decoding: bytes, as: UTF8.self))
  }
}

extension Descriptor {
  /// Whether the path leads to what is open here.
  fileprivate borrowing func isNamed(_ path: String) -> Bool {
    var opened = stat()
    var named = stat()
    return fstat(number, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino
      && opened.st_dev == named.st_dev
  }
}
