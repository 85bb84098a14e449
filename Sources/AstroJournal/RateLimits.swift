public import AstroCore
public import AstroLimits

/// The configured rate limiters and what can be asked of them, over a ``Journal`` that keeps their state.
///
/// A limiter that nobody configured is an error (`not_found`), never an open door. The state is shared by all processes of
/// a home. Nobody waits here: a refusal says when it may go better, and who waits is parked by the scheduler.
public struct RateLimits: Sendable {
  public enum Limit: Sendable, Equatable {
    case window(RateWindow)
    /// Switched off, which must be written out.
    case unlimited
  }

  public let configured: [String: Limit]

  public init(configured: [String: Limit]) { self.configured = configured }

  /// The limit of that name. Throws `not_found` when there is none.
  public func limit(_ name: String) throws(Failure) -> Limit {
    if let limit = configured[name] { return limit }
    let names = configured.isEmpty ? "none" : configured.keys.sorted().joined(separator: ", ")
    throw Failure(.notFound, subject: name, message: "no such limit; there are: \(names)")
  }

  /// What ``consume(_:key:weight:in:)`` would answer at `now`, for readers without a journal to write.
  public func check(
    _ limiter: String, key: String, weight: Int64 = 1, in reading: Reading, at now: Moment, bootID: String
  ) throws(Failure) -> LimitVerdict {
    try verdict(limiter, key, now) { window throws(Failure) in
      try reading.check(limiter, key: key, window: window, weight: weight, at: now, bootID: bootID)
    }
  }

  /// What ``consume(_:key:weight:in:)`` would answer at this point of the transaction, taking nothing.
  public func check(
    _ limiter: String, key: String, weight: Int64 = 1, in transaction: Transaction
  ) throws(Failure) -> LimitVerdict {
    try verdict(limiter, key, transaction.now) { window throws(Failure) in
      try transaction.check(limiter, key: key, window: window, weight: weight)
    }
  }

  /// Takes `weight` when it fits, as part of a larger transaction: several limits, or a limit and the work it allows,
  /// become durable together.
  public func consume(
    _ limiter: String, key: String, weight: Int64 = 1, in transaction: Transaction
  ) throws(Failure) -> LimitVerdict {
    try verdict(limiter, key, transaction.now) { window throws(Failure) in
      try transaction.consume(limiter, key: key, window: window, weight: weight)
    }
  }

  /// Gives back what was taken for an attempt whose start is withdrawn; its moment is that of the grant.
  public func refund(
    _ limiter: String, key: String, for attempt: AttemptRecord, in transaction: Transaction
  ) throws(Failure) {
    guard case .window(let window) = try limit(limiter) else { return }
    try transaction.refund(
      limiter, key: key, window: window, grantedAt: attempt.started.boot, bootID: attempt.bootID)
  }

  /// Forgets what was granted: of one key, of one limiter, or of all configured ones.
  /// - Returns: how many states were forgotten.
  @discardableResult
  public func clear(_ limiter: String? = nil, key: String? = nil, on journal: Journal) throws(Failure) -> Int {
    if let limiter { _ = try limit(limiter) }
    return try journal.commit { try $0.clear(limiter: limiter, key: key) }
  }

  /// What is charged and who waits, by limiter and key, as of `now`. Keys whose window is empty are left out.
  /// - Parameters:
  ///   - states: ``Reading/limitStates()``.
  ///   - waiting: who waits, as far as the caller knows; the journal has no list of them.
  public func statistics(
    of states: [LimitState], waiting: [LimitPlace: LimitWaiters] = [:], bootID: String, at now: Moment
  ) -> [RateLimitStatistics] {
    var found = waiting.mapValues { _ in SlidingLog() }
    for state in states {
      found[LimitPlace(limiter: state.limiter, key: state.key)] = state.stored.log(on: bootID, at: now)
    }
    let rows = found.compactMap { place, log -> RateLimitStatistics? in
      guard case .window(let window)? = configured[place.limiter] else { return nil }
      return RateLimitStatistics(place, log, window: window, waiting: waiting[place] ?? LimitWaiters(), at: now)
    }
    return rows.sorted { ($0.limiter, $0.key) < ($1.limiter, $1.key) }
  }

  public func statistics(on journal: Journal) throws(Failure) -> [RateLimitStatistics] {
    statistics(of: try journal.read { try $0.limitStates() }, bootID: journal.bootID, at: journal.now)
  }

  /// What the window answers; a limit that is switched off grants always.
  func verdict(
    _ limiter: String, _ key: String, _ now: Moment, _ ask: (RateWindow) throws(Failure) -> LimitVerdict
  ) throws(Failure) -> LimitVerdict {
    switch try limit(limiter) {
    case .window(let window): try ask(window)
    case .unlimited:
      LimitVerdict(
        limiter: limiter, key: key, allowed: true, limit: .max, remaining: .max, resetAt: now.wall, retryAfter: .zero)
    }
  }
}
