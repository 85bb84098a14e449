import NIOCore
import Synchronization

/// The clocks of one exchange: the whole of it, and the part that is going on. One timer serves both; it is set anew only
/// when it would fire too late, so that an answer of a thousand parts costs one.
struct ExchangeWatch {
  private let timeouts: HTTPTimeouts
  private let total: NIODeadline
  private var part = HTTPFailure.Part.connect
  /// `nil` while the reader and not the server is waited for.
  private var partEnds: NIODeadline?
  private var timer: (fires: NIODeadline, task: Scheduled<Void>)?

  init(_ timeouts: HTTPTimeouts) {
    self.timeouts = timeouts
    let now = NIODeadline.now()
    total = now + TimeAmount(timeouts.total - timeouts.spent)
    partEnds = now + TimeAmount(timeouts.connect)
  }

  /// The clock of `part` begins again; with `nil` it stands still.
  mutating func begin(_ part: HTTPFailure.Part?) {
    if let part { self.part = part }
    partEnds = part.map { NIODeadline.now() + TimeAmount(duration(of: $0)) }
  }

  /// Sees to it that the timer fires in time.
  mutating func arm(on loop: any EventLoop, _ fire: @escaping @Sendable () -> Void) {
    let due = partEnds.map { min($0, total) } ?? total
    if let timer, timer.fires <= due { return }
    timer?.task.cancel()
    timer = (due, loop.scheduleTask(deadline: due, fire))
  }

  /// The timer has fired: what has taken too long, if anything has.
  mutating func expired() -> HTTPFailure.Cause? {
    timer = nil
    let now = NIODeadline.now()
    if now >= total { return .timeout(.total, timeouts.total) }
    if let partEnds, now >= partEnds { return .timeout(part, duration(of: part)) }
    return nil
  }

  mutating func stop() {
    timer?.task.cancel()
    timer = nil
  }

  private func duration(of part: HTTPFailure.Part) -> Duration {
    switch part {
    case .connect: timeouts.connect
    case .firstByte: timeouts.firstByte
    case .idle: timeouts.idle
    case .total: timeouts.total
    }
  }
}

extension Exchange {
  /// Something came or went: the clock of `part` begins again.
  func touch(_ part: HTTPFailure.Part?) {
    state.withLock { state in
      guard state.stage.isGoingOn else { return }
      state.watch.begin(part)
      state.watch.arm(on: loop, fire)
    }
  }

  func arm() {
    state.withLock { state in
      if state.stage.isGoingOn { state.watch.arm(on: loop, fire) }
    }
  }

  @Sendable private func fire() {
    if let cause = state.withLock({ $0.watch.expired() }) { fail(cause) } else { arm() }
  }
}
