import CLinux

/// What kind of file system a directory is on, by the magic number of statfs(2) (linux/magic.h and the file systems'
/// own sources).
enum FileSystemType: Equatable {
  case local(String)
  /// Other machines may write to it: locks, leases and events do not reach across.
  case network(String)
  /// Gone at the next boot.
  case memory(String)
  /// Anything may be behind it.
  case fuse
  case unknown(Int64)

  init?(of path: String) {
    let magic = clinux_filesystem_type(path)
    guard magic >= 0 else { return nil }
    self = Self.known[magic] ?? .unknown(magic)
  }

  var name: String {
    switch self {
    case .local(let name), .network(let name), .memory(let name): name
    case .fuse: "fuse"
    case .unknown(let magic): "a file system of type 0x" + String(magic, radix: 16)
    }
  }

  private static let known: [Int64: FileSystemType] = [
    0xEF53: .local("ext4"), 0x5846_5342: .local("xfs"), 0x9123_683E: .local("btrfs"), 0x2FC1_2FC1: .local("zfs"),
    0xF2F5_2010: .local("f2fs"), 0xCA45_1A4E: .local("bcachefs"), 0x794C_7630: .local("overlayfs"),
    0x0102_1994: .memory("tmpfs"), 0x8584_58F6: .memory("ramfs"), 0x6573_5546: .fuse,
    0x6969: .network("nfs"), 0x517B: .network("smb"), 0xFF53_4D42: .network("cifs"), 0xFE53_4D42: .network("smb2"),
    0x0102_1997: .network("9p"), 0x00C3_6400: .network("ceph"), 0x5346_414F: .network("afs"),
    0x6B41_4653: .network("afs"), 0x0BD0_0BD0: .network("lustre"), 0x0116_1970: .network("gfs2"),
    0x7461_636F: .network("ocfs2"), 0x4750_4653: .network("gpfs"), 0x1983_0326: .network("beegfs"),
    0x7375_7245: .network("coda"),
  ]
}
