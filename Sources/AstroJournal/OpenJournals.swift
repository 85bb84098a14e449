import Glibc

/// Who has a journal open, as the kernel knows it.
enum OpenJournals {
  /// The first byte of the range SQLite locks for sharing (`SHARED_FIRST` in its os.h: PENDING_BYTE + 2). In
  /// write-ahead mode a connection holds a shared lock on it from its first transaction until it closes.
  private static let sharedFirst: Int64 = 0x4000_0002

  /// How many processes hold that lock on the file with this inode, from the text of /proc/locks (proc_locks(5)):
  /// `1: POSIX  ADVISORY  READ 1234 fe:00:5678 1073741826 1073742335`. The device is not compared: that of an overlay or a
  /// btrfs subvolume is another one there than stat(2) shows.
  static func holders(of inode: UInt64, in locks: some StringProtocol) -> Int {
    var processes: Set<Substring> = []
    for line in locks.split(separator: "\n") {
      let fields = Substring(line).split(separator: " ")
      // A line with an arrow is of one who waits.
      guard fields.count == 8, fields[1] == "POSIX", fields[6] == "\(sharedFirst)",
        fields[5].split(separator: ":").last == "\(inode)"
      else { continue }
      processes.insert(fields[4])
    }
    return processes.count
  }

  static func count(_ path: String) -> Int? {
    var status = stat()
    guard stat(path, &status) == 0, let locks = read("/proc/locks") else { return nil }
    return holders(of: UInt64(status.st_ino), in: String(decoding: locks, as: UTF8.self))
  }

  private static func read(_ path: String) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16_384)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return count == 0 ? bytes : nil }
      bytes += chunk[..<count]
    }
  }
}
