import NIOCore
import NIOPosix

/// The thread that all connections of the process are served by. It starts with the first request, so that a runner
/// without agents that use HTTP never has it, and it ends with the process.
///
/// A thread has the signal mask of the one that starts it: the runner, which reads its signals from a descriptor, must have
/// blocked them before the first request, or one of them ends the process.
enum EventLoops {
  /// One thread does over 10,000 exchanges a second; more would only share their caches worse.
  static let shared = MultiThreadedEventLoopGroup(numberOfThreads: 1)
}

extension TimeAmount {
  init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    self = overflow ? .nanoseconds(.max / 4) : .nanoseconds(scaled + attoseconds / 1_000_000_000)
  }
}
