public import AstroCore
public import AstroLimits

/// The configured rate limiters and what can be asked of them, over a ``Journal`` that keeps their state.
///
/// A limiter that nobody configured is an error (`limit`), never an open door. The state is shared by all processes of a
/// home; the order of those who ``wait(_:key:weight:timeout:on:isolation:sleep:)`` is kept within one process.
public struct RateLimits: Sendable {
  public enum Limit: Sendable, Equatable {
    case window(RateWindow)
    /// Switched off, which must be written out.
    case unlimited
  }

  public let configured: [String: Limit]
  private let line = WaitingLine()

  public init(configured: [String: Limit]) { self.configured = configured }

  /// The limit of that name. Throws `limit` when there is none.
  public func limit(_ name: String) throws(Failure) -> Limit {
    if let limit = configured[name] { return limit }
    let names = configured.isEmpty ? "none" : configured.keys.sorted().joined(separator: ", ")
    throw Failure(.limit, subject: name, message: "no such limiter '\(name)'; configured: \(names)")
  }

  /// What ``consume(_:key:weight:on:)`` would answer now, taking nothing; waits for no writer.
  public func check(
    _ limiter: String, key: String, weight: Int64 = 1, on journal: Journal
  ) throws(Failure) -> LimitVerdict {
    let now = journal.now
    switch try limit(limiter) {
    case .unlimited: return unlimited(limiter, key, now)
    case .window(let window):
      return try journal.read { reading in
        try reading.check(limiter, key: key, window: window, weight: weight, at: now, bootID: journal.bootID)
      }
    }
  }

  /// What ``consume(_:key:weight:in:)`` would answer at `now`, for readers without a journal to write.
  public func check(
    _ limiter: String, key: String, weight: Int64 = 1, in reading: Reading, at now: Moment, bootID: String
  ) throws(Failure) -> LimitVerdict {
    switch try limit(limiter) {
    case .unlimited: unlimited(limiter, key, now)
    case .window(let window):
      try reading.check(limiter, key: key, window: window, weight: weight, at: now, bootID: bootID)
    }
  }

  /// What ``consume(_:key:weight:in:)`` would answer at this point of the transaction, taking nothing.
  public func check(
    _ limiter: String, key: String, weight: Int64 = 1, in transaction: Transaction
  ) throws(Failure) -> LimitVerdict {
    switch try limit(limiter) {
    case .unlimited: unlimited(limiter, key, transaction.now)
    case .window(let window): try transaction.check(limiter, key: key, window: window, weight: weight)
    }
  }

  /// Takes `weight` when it fits, as part of a larger transaction: several limits, or a limit and the work it allows,
  /// become durable together.
  public func consume(
    _ limiter: String, key: String, weight: Int64 = 1, in transaction: Transaction
  ) throws(Failure) -> LimitVerdict {
    switch try limit(limiter) {
    case .unlimited: unlimited(limiter, key, transaction.now)
    case .window(let window): try transaction.consume(limiter, key: key, window: window, weight: weight)
    }
  }

  /// Takes `weight` when it fits; durable when it returns.
  public func consume(
    _ limiter: String, key: String, weight: Int64 = 1, on journal: Journal
  ) throws(Failure) -> LimitVerdict {
    if case .unlimited = try limit(limiter) { return unlimited(limiter, key, journal.now) }
    return try journal.commit { try consume(limiter, key: key, weight: weight, in: $0) }
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

  /// Waits until `weight` fits, and takes it. Those who came first for the same key are served first.
  ///
  /// Throws `try_later` at once, instead of waiting first, when the exact wait (with those ahead) is longer than
  /// `timeout`; `interrupted` when `sleep` throws, as it does for a cancelled task; `limit` for an unknown limiter or a
  /// weight that is never granted.
  /// - Parameter sleep: waits for a duration of boot time.
  public func wait(
    _ limiter: String, key: String, weight: Int64 = 1, timeout: Duration, on journal: Journal,
    isolation: isolated (any Actor)? = #isolation,
    sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
  ) async throws(Failure) -> LimitVerdict {
    guard case .window(let window) = try limit(limiter) else { return unlimited(limiter, key, journal.now) }
    let place = WaitingLine.Place(limiter: limiter, key: key)
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
        do { try await sleep(wait) } catch {
          throw Failure(.interrupted, subject: "\(limiter)/\(key)", message: "interrupted while waiting for the limit")
        }
      }
    }
  }

  /// What is charged and who waits, by limiter and key, as of `now`. Keys whose window is empty are left out.
  /// - Parameter states: ``Reading/limitStates()``.
  public func statistics(of states: [LimitState], bootID: String, at now: Moment) -> [RateLimitStatistics] {
    var found: [WaitingLine.Place: SlidingLog] = [:]
    let waiting = line.all
    for place in waiting.keys { found[place] = SlidingLog() }
    for state in states {
      found[.init(limiter: state.limiter, key: state.key)] = state.stored.log(on: bootID, at: now)
    }
    let rows = found.compactMap { place, log -> RateLimitStatistics? in
      guard case .window(let window)? = configured[place.limiter] else { return nil }
      return RateLimitStatistics(place, log, window: window, waiting: waiting[place] ?? [], at: now)
    }
    return rows.sorted { ($0.limiter, $0.key) < ($1.limiter, $1.key) }
  }

  public func statistics(on journal: Journal) throws(Failure) -> [RateLimitStatistics] {
    statistics(of: try journal.read { try $0.limitStates() }, bootID: journal.bootID, at: journal.now)
  }

  private enum Step { case granted(LimitVerdict), wait(Duration) }

  /// Takes the weight if it is the ticket's turn and it fits; else says how long to wait.
  private func attempt(
    _ ticket: WaitingLine.Ticket, at place: WaitingLine.Place, in window: RateWindow, on journal: Journal
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

  private func unlimited(_ limiter: String, _ key: String, _ now: Moment) -> LimitVerdict {
    LimitVerdict(
      limiter: limiter, key: key, allowed: true, limit: .max, remaining: .max, resetAt: now.wall, retryAfter: .zero)
  }
}
