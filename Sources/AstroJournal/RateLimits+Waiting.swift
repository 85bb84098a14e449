public import AstroCore
import AstroLimits

/// Limits for whoever uses them on their own, each operation durable when it returns.
extension RateLimits {
  /// What ``consume(_:key:weight:on:)`` would answer now, taking nothing; waits for no writer.
  public func check(
    _ limiter: String, key: String, weight: Int64 = 1, on journal: Journal
  ) throws(Failure) -> LimitVerdict {
    let now = journal.now
    return try journal.read { try check(limiter, key: key, weight: weight, in: $0, at: now, bootID: journal.bootID) }
  }

  /// Takes `weight` when it fits.
  public func consume(
    _ limiter: String, key: String, weight: Int64 = 1, on journal: Journal
  ) throws(Failure) -> LimitVerdict {
    // One that is switched off takes nobody through the gate.
    try verdict(limiter, key, journal.now) { window throws(Failure) in
      try journal.commit { try $0.consume(limiter, key: key, window: window, weight: weight) }
    }
  }

  /// Waits until `weight` fits, and takes it. Those who came first for the same key are served first.
  ///
  /// Throws `try_later` at once, instead of waiting first, when the exact wait (with those ahead) is longer than
  /// `timeout`; `interrupted` when `pause` throws, as it does for a cancelled task; `not_found` for an unknown limiter,
  /// `limit` for a weight that is never granted.
  /// - Parameter pause: waits for a duration of boot time. The state is shared by processes and tells nobody when it opens,
  ///   but the moment is known exactly: one pause until then, and no looking again and again.
  public func wait(
    _ limiter: String, key: String, weight: Int64 = 1, timeout: Duration, on journal: Journal,
    isolation: isolated (any Actor)? = #isolation,
    pause: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
  ) async throws(Failure) -> LimitVerdict {
    guard case .window(let window) = try limit(limiter) else { return try consume(limiter, key: key, on: journal) }
    let place = LimitPlace(limiter: limiter, key: key)
    let ticket = line.join(place, weight: weight, at: journal.now.boot)
    defer { line.leave(place, ticket) }
    let deadline = journal.now.advanced(by: timeout).boot
    while true {
      switch try attempt(ticket, at: place, in: window, on: journal) {
      case .granted(let verdict): return verdict
      case .wait(let wait):
        guard journal.now.advanced(by: wait).boot <= deadline else {
          let words = "opens in \(Notation.spell(wait)), later than the timeout of \(Notation.spell(timeout)) allows"
          throw Failure(.tryLater, subject: "\(limiter)/\(key)", message: "the limit \(words)")
        }
        do { try await pause(wait) } catch {
          throw Failure(.interrupted, subject: "\(limiter)/\(key)", message: "interrupted while waiting for the limit")
        }
      }
    }
  }

  private enum Step { case granted(LimitVerdict), wait(Duration) }

  /// Takes the weight if it is the ticket's turn and it fits; else says how long to wait.
  private func attempt(
    _ ticket: WaitingLine.Ticket, at place: LimitPlace, in window: RateWindow, on journal: Journal
  ) throws(Failure) -> Step {
    let ahead = line.weights(before: ticket, in: place)
    if ahead.isEmpty {
      let verdict = try consume(place.limiter, key: place.key, weight: ticket.weight, on: journal)
      return verdict.allowed ? .granted(verdict) : .wait(verdict.retryAfter)
    }
    // A weight that is never granted is refused here too, before any waiting.
    let now = journal.now
    let log = try journal.read { reading in
      _ = try reading.check(
        place.limiter, key: place.key, window: window, weight: ticket.weight, at: now, bootID: journal.bootID)
      return try reading.limitState(place.limiter, key: place.key)?.log(on: journal.bootID, at: now) ?? SlidingLog()
    }
    let opens = log.opening(for: ahead + [ticket.weight], at: now.boot, in: window)
    // Those ahead fit already and are about to take their turn: look again in a moment.
    return .wait(max(.microseconds(opens - now.boot), .milliseconds(1)))
  }
}
