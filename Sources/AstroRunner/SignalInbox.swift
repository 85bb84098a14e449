import CLinux
import Glibc

/// The signals a runner answers, as a descriptor to poll (signalfd(2)) instead of a handler that could run anywhere.
public final class SignalInbox {
  public enum Request: Sendable, Equatable {
    /// SIGTERM or SIGINT.
    case stop
    /// SIGHUP.
    case reload
  }

  public let descriptor: Int32

  /// Blocks the signals in the calling thread, and so in every thread it starts later: call it before any other thread
  /// exists. Commands get an empty mask from the launcher.
  public init() {
    var mask = sigset_t()
    sigemptyset(&mask)
    for number in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&mask, number) }
    pthread_sigmask(SIG_BLOCK, &mask, nil)
    descriptor = clinux_signalfd(&mask)
  }

  deinit { close(descriptor) }

  /// What has arrived since the last call, in order.
  public func take() -> [Request] {
    var requests: [Request] = []
    while true {
      switch clinux_signalfd_read(descriptor) {
      case 0: return requests
      case SIGHUP: requests.append(.reload)
      default: requests.append(.stop)
      }
    }
  }
}
