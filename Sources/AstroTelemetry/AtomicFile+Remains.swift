import CLinux
import Glibc

extension AtomicFile {
  /// Removes what writers of `path` left that died before they gave it its name.
  /// - Returns: how many were removed.
  public static func removeRemains(of path: String) -> Int {
    let (directory, name) = split(path)
    guard let stream = opendir(directory) else { return 0 }
    defer { closedir(stream) }
    var removed = 0
    while let entry = readdir(stream) {
      let found = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      guard found.hasPrefix(".\(name)."), found.hasSuffix(temporarySuffix) else { continue }
      removed += Int(clinux_remove_unlocked(dirfd(stream), found))
    }
    return removed
  }

  /// Whether a file of that name can only be one that was never given its final name.
  public static func isTemporary(_ name: String) -> Bool { name.hasPrefix(".") && name.hasSuffix(temporarySuffix) }

  static let temporarySuffix = ".tmp"

  /// A new file that is locked until its descriptor, and every copy of it, is closed.
  static func createLocked(_ path: String) -> Int32 { clinux_create_locked(AT_FDCWD, path, O_WRONLY) }
}
