import Glibc

/// Which file it is and which content it has, as far as stat(2) tells: a file whose identity has not changed need
/// not be read again.
public struct FileIdentity: Hashable, Sendable {
  public let device: UInt64
  public let inode: UInt64
  /// Bytes.
  public let size: Int64
  /// Last change of the content, nanoseconds since 1970.
  public let modifiedNanoseconds: Int64
  /// Last change of content, name, mode or owner, nanoseconds since 1970. No user can set it back.
  public let changedNanoseconds: Int64

  init(_ status: stat) {
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    size = Int64(status.st_size)
    modifiedNanoseconds = Self.nanoseconds(status.st_mtim)
    changedNanoseconds = Self.nanoseconds(status.st_ctim)
  }

  /// Whether it is the same file with the same content. The change time is left out: a rename sets it.
  func hasSameContent(as other: FileIdentity) -> Bool {
    device == other.device && inode == other.inode && size == other.size
      && modifiedNanoseconds == other.modifiedNanoseconds
  }

  /// Saturating: a file system may hand out any time at all.
  static func nanoseconds(_ time: timespec) -> Int64 {
    let (scaled, overflow) = Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? (time.tv_sec < 0 ? .min : .max) : scaled &+ Int64(time.tv_nsec)
  }
}
