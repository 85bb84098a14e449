import Glibc

/// Tells the service manager how a watcher is, by datagrams to the socket it named in `NOTIFY_SOCKET` (sd_notify(3)). Nobody
/// listens where there is none: then this does nothing. What cannot be sent is lost; a watchdog that misses it acts.
final class ServiceManager {
  private let socket: Int32
  private let address: sockaddr_un
  private let length: socklen_t
  /// How often it wants to hear that the loop turns: half of what it allows, in microseconds.
  private let watchdog: Int64?
  private var nextWatchdog: Int64 = 0

  /// `nil` where no service manager listens.
  init?(environment: [String: String]) {
    guard let name = environment["NOTIFY_SOCKET"], name.hasPrefix("/") || name.hasPrefix("@") else { return nil }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let path = Array(name.utf8)
    guard path.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
    // An abstract name begins with a zero and has no end but its length (unix(7)).
    if path[0] == UInt8(ascii: "@") { address.sun_path.0 = 0 }
    let offset = MemoryLayout.offset(of: \sockaddr_un.sun_path) ?? 2
    length = socklen_t(offset + path.count + (path[0] == UInt8(ascii: "@") ? 0 : 1))
    self.address = address
    socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard socket >= 0 else { return nil }
    let isOurs = environment["WATCHDOG_PID"].flatMap { Int32($0) }.map { $0 == getpid() } ?? true
    watchdog = isOurs ? environment["WATCHDOG_USEC"].flatMap { Int64($0) }.map { max(1, $0 / 2) } : nil
  }

  deinit { close(socket) }

  func isReady() { send("READY=1\nSTATUS=Watching") }

  func isReloading() {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    send("RELOADING=1\nMONOTONIC_USEC=\(now.tv_sec * 1_000_000 + now.tv_nsec / 1000)")
  }

  func isStopping() { send("STOPPING=1\nSTATUS=Waiting for tasks to finish") }

  /// Boot time at which it wants to hear of us next, in microseconds.
  var nextDue: Int64? { watchdog == nil ? nil : nextWatchdog }

  /// The loop turns. To be called whenever it does.
  func isAlive(at boot: Int64) {
    guard let watchdog, boot >= nextWatchdog else { return }
    nextWatchdog = boot + watchdog
    send("WATCHDOG=1")
  }

  private func send(_ text: String) {
    var address = address
    let bytes = Array(text.utf8)
    withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = sendto(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT), $0, length)
      }
    }
  }
}
