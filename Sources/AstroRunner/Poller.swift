import Glibc

/// Waits on descriptors with poll(2).
struct Poller {
  private var entries: [pollfd] = []

  mutating func reset() { entries.removeAll(keepingCapacity: true) }

  mutating func watch(_ descriptor: Int32, forWriting: Bool = false) {
    guard descriptor >= 0 else { return }
    entries.append(pollfd(fd: descriptor, events: Int16(POLLIN) | (forWriting ? Int16(POLLOUT) : 0), revents: 0))
  }

  /// Returns when something is ready or `microseconds` have passed (`nil`: no bound); never early otherwise, so that a
  /// timer is not met a millisecond too soon and polled for in a spin.
  mutating func wait(atMost microseconds: Int64?) {
    let milliseconds = microseconds.map { Int32(clamping: ($0 + 999) / 1000) } ?? -1
    _ = poll(&entries, nfds_t(entries.count), max(-1, milliseconds))
  }

  func watches(_ descriptor: Int32) -> Bool { entries.contains { $0.fd == descriptor } }
  func isReady(_ descriptor: Int32) -> Bool { entries.contains { $0.fd == descriptor && $0.revents != 0 } }
}
