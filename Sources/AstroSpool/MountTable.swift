import Glibc

/// The mounted file systems, as `/proc/self/mountinfo` lists them (proc_pid_mountinfo(5)).
struct MountTable {
  private let lines: [Substring]

  /// File systems that other machines may write to at the same time.
  private static let shared: Set<Substring> = [
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "afs", "lustre", "gfs2", "ocfs2", "gpfs", "beegfs",
    "fuse.sshfs",
    "fuse.glusterfs", "fuse.ceph-fuse", "fuse.juicefs",
  ]

  init(text: String) { lines = text.split(separator: "\n") }

  /// The table of this process; empty where there is no `/proc`.
  static func current() -> MountTable {
    let number = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)
    guard number >= 0 else { return MountTable(text: "") }
    let file = Descriptor(number)
    var bytes: [UInt8] = []
    while let more = try? file.read(16 << 10, from: Int64(bytes.count), "mountinfo"), !more.isEmpty {
      bytes += more
    }
    return MountTable(text: String(decoding: bytes, as: UTF8.self))
  }

  /// Whether the file system with this device number (st_dev) is shared with other machines.
  func isShared(device: UInt64) -> Bool {
    let major = (device >> 8 & 0xFFF) | (device >> 32 & ~0xFFF)
    let minor = (device & 0xFF) | (device >> 12 & 0xFFFF_FF00)
    let wanted = "\(major):\(minor)"
    for line in lines {
      let fields = line.split(separator: " ")
      guard fields.count > 2, fields[2] == wanted, let dash = fields.firstIndex(of: "-"), dash + 1 < fields.count
      else { continue }
      return Self.shared.contains(fields[dash + 1])
    }
    return false
  }
}
