import Glibc

/// What the checks of the health file look at on the machine itself.
public enum Machine {
  public struct Disk: Sendable {
    public var freeBytes: Int64
    public var totalBytes: Int64
    public var freeInodes: Int64
    /// 0 on file systems that make them as needed.
    public var totalInodes: Int64

    public enum Room: Sendable { case ample, scarce, none }

    /// None is what a commit of the journal or a file of a run may fail at any moment with.
    public var room: Room {
      let countsInodes = totalInodes > 0
      if freeBytes < 16 << 20 || (countsInodes && freeInodes < 20) { return .none }
      return freeBytes < 256 << 20 || (countsInodes && freeInodes < 1000) ? .scarce : .ample
    }
  }

  /// Room on the file system of `path` for this user (statvfs(3)).
  public static func disk(_ path: String) -> Disk? {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { return nil }
    let block = Int64(status.f_frsize)
    return Disk(
      freeBytes: Int64(status.f_bavail) * block, totalBytes: Int64(status.f_blocks) * block,
      freeInodes: Int64(status.f_favail), totalInodes: Int64(status.f_files))
  }

  static var processors: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
}
