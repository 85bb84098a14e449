import AstroProcess
import AstroRunner
import Glibc

/// The limits of inotify(7) for one user, and how much of them is used.
struct InotifyUse {
  var instances = 0
  var watches = 0
  var maxInstances = 0
  var maxWatches = 0

  /// Counts in /proc what belongs to the processes of this user; those of other containers are not seen there.
  static func ofThisUser() -> InotifyUse {
    var use = InotifyUse()
    use.maxInstances = limit("max_user_instances")
    use.maxWatches = limit("max_user_watches")
    for process in Listing.readable(in: "/proc") where process.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
      var status = stat()
      guard stat("/proc/\(process)", &status) == 0, status.st_uid == geteuid() else { continue }
      for number in Listing.readable(in: "/proc/\(process)/fd") where isInotify("/proc/\(process)/fd/\(number)") {
        use.instances += 1
        use.watches += countWatches("/proc/\(process)/fdinfo/\(number)")
      }
    }
    return use
  }

  private static func limit(_ name: String) -> Int {
    guard let bytes = FileTail.readStream("/proc/sys/fs/inotify/\(name)") else { return 0 }
    return Int(String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)) ?? 0
  }

  private static func isInotify(_ path: String) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 64)
    let count = readlink(path, &buffer, buffer.count)
    return count > 0 && String(decoding: buffer[..<count], as: UTF8.self) == "anon_inode:inotify"
  }

  /// One line `inotify wd:…` each (proc_pid_fdinfo(5)).
  private static func countWatches(_ path: String) -> Int {
    guard let bytes = FileTail.readStream(path) else { return 0 }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").count { $0.hasPrefix("inotify wd:") }
  }
}
