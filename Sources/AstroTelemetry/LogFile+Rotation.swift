import AstroCore
import CLinux
import Glibc

extension LogFile {
  /// When the file is renamed to `<name>.1`, and what becomes of the files renamed before.
  public struct Rotation: Sendable, Equatable {
    /// In bytes. Every writer looks at the size once a second, so files come to be larger by as much as is written in one.
    public var size: Int64
    /// How many files are kept beside the one that is written: `<name>.1`, the newest, to `<name>.<keep>`.
    public var keep: Int

    public init(size: Int64, keep: Int) {
      self.size = size
      self.keep = keep
    }
  }

  /// Renames `path` away, and its predecessors before it, under a lock on the file itself: of several processes one does
  /// it, the others find the path leading elsewhere and follow. A writer that has not looked yet adds to `<name>.1`, so a
  /// file is never overwritten that may have been the newest two seconds ago: nothing is lost.
  ///
  /// Every step is a rename(2), the newest file last, and the kernel gives the lock of a killed process back: then a
  /// number is free, and the next rotation moves only the files up to it.
  /// - Returns: whether the path leads to another file now, or to none.
  static func rotate(_ path: String, _ descriptor: Int32, by rotation: Rotation) throws(Failure) -> Bool {
    // Of a link it is the file that grows.
    guard let resolved = realpath(path, nil) else { return true }
    defer { free(resolved) }
    let target = String(cString: resolved)
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return false }
    defer { flock(descriptor, LOCK_UN) }
    var held = stat()
    var named = stat()
    guard fstat(descriptor, &held) == 0, held.st_mode & S_IFMT == S_IFREG else { return false }
    guard stat(target, &named) == 0, (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino) else { return true }
    guard Int64(held.st_size) >= rotation.size, let vacant = freeNumber(behind: target, rotation) else { return false }
    for number in stride(from: vacant, through: 1, by: -1) {
      let source = number == 1 ? target : "\(target).\(number - 1)"
      guard rename(source, "\(target).\(number)") == 0 else {
        throw .system(.io, source, "cannot be rotated to \(target).\(number)", errno: errno)
      }
    }
    removeSurplus(behind: target, rotation)
    return true
  }

  /// The first number no file has; where all are taken, the last one, unless that file became what it is just now.
  private static func freeNumber(behind path: String, _ rotation: Rotation) -> Int? {
    var status = stat()
    if let free = (1...rotation.keep).first(where: { lstat("\(path).\($0)", &status) != 0 }) { return free }
    guard lstat("\(path).\(rotation.keep)", &status) == 0 else { return nil }
    // rename(2) sets the time of change.
    let age = time(nil) - status.st_ctim.tv_sec
    return age < 0 || age > 2 ? rotation.keep : nil
  }

  /// Files that an earlier configuration kept.
  private static func removeSurplus(behind path: String, _ rotation: Rotation) {
    var number = rotation.keep + 1
    while unlink("\(path).\(number)") == 0 { number += 1 }
  }
}
