public import AstroCore

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
}
