import AstroCore
import Glibc

/// What the checks of the health file look at on the machine itself.
enum Machine {
  struct Disk {
    var freeBytes: Int64
    var totalBytes: Int64
    var freeInodes: Int64
    var totalInodes: Int64
  }

  /// Room on the file system of `path` for this user (statvfs(3)).
  static func disk(_ path: String) -> Disk? {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { return nil }
    let block = Int64(status.f_frsize)
    return Disk(
      freeBytes: Int64(status.f_bavail) * block, totalBytes: Int64(status.f_blocks) * block,
      freeInodes: Int64(status.f_favail), totalInodes: Int64(status.f_files))
  }

  static var processors: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
}
