import AstroCore
import Glibc

/// Hears that something was committed to the journal, for commands that wait for a run: inotify(7) on the directory
/// that holds its write-ahead log. A hint, nothing more: every wait is bounded, and the journal is read after each.
public final class JournalWatch {
  private let descriptor: Int32
  /// A file server tells nothing of what other machines write: without a hint the journal is read this often.
  private static let rescanInterval = Duration.seconds(1)
  /// A busy runner commits hundreds of times a second; nobody needs to know so often.
  private static let leastPause = Duration.milliseconds(20)

  public init(dataDirectory: String) {
    descriptor = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
    if descriptor >= 0 { inotify_add_watch(descriptor, dataDirectory, UInt32(IN_MODIFY | IN_CREATE)) }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Returns when the journal may have changed.
  /// - Returns: whether a signal came instead.
  public func wait(or signals: SignalInbox) -> Bool {
    var pause = Poller()
    pause.watch(signals.descriptor)
    pause.wait(atMost: Self.leastPause.microseconds)
    if pause.isReady(signals.descriptor) { return true }
    var poller = Poller()
    poller.watch(signals.descriptor)
    poller.watch(descriptor)
    poller.wait(atMost: Self.rescanInterval.microseconds)
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while descriptor >= 0, read(descriptor, &buffer, buffer.count) > 0 {}
    return poller.isReady(signals.descriptor)
  }
}
