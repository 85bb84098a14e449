public import AstroCore
public import AstroLimits
import FoundationEssentials
import GRDB

/// Whether limit states of earlier boots may still lie about.
enum LimitUpkeep { case due, done }

extension Transaction {
  /// What ``consume(_:key:window:weight:)`` would answer, without taking anything.
  ///
  /// Throws `limit` (`exceeds_limit`) for a weight above the whole limit: waiting cannot help.
  public func check(
    _ limiter: String, key: String, window: RateWindow, weight: Int64 = 1
  ) throws(Failure) -> LimitVerdict {
    try reading.check(limiter, key: key, window: window, weight: weight, at: now, bootID: bootID)
  }

  /// Takes `weight` when it fits. A refusal changes nothing. The grant is durable with the transaction, hence before the
  /// work it allows begins; a crash after it wastes the grant, which is slow but never over.
  public func consume(
    _ limiter: String, key: String, window: RateWindow, weight: Int64 = 1
  ) throws(Failure) -> LimitVerdict {
    var log = try log(limiter, key)
    let answer = log.consume(weight, at: now.boot, in: window)
    let verdict = try LimitVerdict(answer, limiter: limiter, key: key, weight: weight, in: window, at: now)
    if verdict.allowed { try store(log, limiter, key, window) }
    return verdict
  }

  /// Grants nothing under `key` for `duration` from now (a provider's `Retry-After`). A longer block stands.
  public func block(_ limiter: String, key: String, window: RateWindow, for duration: Duration) throws(Failure) {
    var log = try log(limiter, key)
    log.block(until: now.advanced(by: duration).boot)
    try store(log, limiter, key, window)
  }

  /// Forgets what was granted, as if nothing ever was: of one key, of a limiter (`key` nil), or of all (`limiter` nil).
  /// - Returns: how many states were forgotten.
  @discardableResult
  public func clear(limiter: String? = nil, key: String? = nil) throws(Failure) -> Int {
    try session.run(
      "DELETE FROM limit_state WHERE (?1 IS NULL OR limiter = ?1) AND (?2 IS NULL OR key = ?2)", [limiter, key])
  }

  private func log(_ limiter: String, _ key: String) throws(Failure) -> SlidingLog {
    try reading.limitState(limiter, key: key)?.log(on: bootID, at: now) ?? SlidingLog()
  }

  private func store(_ log: SlidingLog, _ limiter: String, _ key: String, _ window: RateWindow) throws(Failure) {
    try forgetIdle()
    try session.run(
      "INSERT OR REPLACE INTO limit_state VALUES(?, ?, ?, ?, ?, ?, ?)",
      [
        limiter, key, bootID, now.boot, now.wall.microseconds, log.expires(in: window), Data(log.encoded),
      ])
  }

  /// Deletes states that say nothing any more: a few of this boot at each write, and those of earlier boots once. So what
  /// is kept is bounded by the keys in use within one window.
  private func forgetIdle() throws(Failure) {
    try session.run(
      """
      DELETE FROM limit_state WHERE (limiter, key) IN \
      (SELECT limiter, key FROM limit_state WHERE boot_id = ? AND expires_boot <= ? LIMIT 4)
      """, [bootID, now.boot])
    guard case .due = upkeep else { return }
    upkeep = .done
    // The same bound of the time away as in the translation of a log to another boot: at least the uptime.
    try session.run(
      "DELETE FROM limit_state WHERE boot_id <> ? AND expires_boot - written_boot <= max(?, ? - written_at)",
      [bootID, now.boot, now.wall.microseconds])
  }
}
