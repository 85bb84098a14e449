public import AstroCore
public import AstroLimits
import FoundationEssentials
import GRDB

/// Whether limit states of earlier boots may still lie about.
enum LimitUpkeep { case due, done }

/// The limit states a transaction has touched: each is read once and written once, however often it is charged.
struct ChargedLogs {
  var logs: [LimitPlace: SlidingLog] = [:]
  /// Those that must be written, with the window that says how long they matter.
  var changed: [LimitPlace: RateWindow] = [:]
}

extension Transaction {
  /// What ``consume(_:key:window:weight:)`` would answer, without taking anything.
  ///
  /// Throws `limit` (`exceeds_limit`) for a weight above the whole limit: waiting cannot help.
  public func check(
    _ limiter: String, key: String, window: RateWindow, weight: Int64 = 1
  ) throws(Failure) -> LimitVerdict {
    let answer = try log(limiter, key).check(weight, at: now.boot, in: window)
    return try LimitVerdict(answer, limiter: limiter, key: key, weight: weight, in: window, at: now)
  }

  /// Takes `weight` when it fits. A refusal changes nothing. The grant is durable with the transaction, hence before the
  /// work it allows begins; a crash after it wastes the grant, which is slow but never over.
  public func consume(
    _ limiter: String, key: String, window: RateWindow, weight: Int64 = 1
  ) throws(Failure) -> LimitVerdict {
    var log = try log(limiter, key)
    let answer = log.consume(weight, at: now.boot, in: window)
    let verdict = try LimitVerdict(answer, limiter: limiter, key: key, weight: weight, in: window, at: now)
    if verdict.allowed { keep(log, limiter, key, window) }
    return verdict
  }

  /// Gives back a grant whose work was never begun. One of another boot is left to expire.
  public func refund(
    _ limiter: String, key: String, window: RateWindow, weight: Int64 = 1, grantedAt boot: Int64, bootID: String
  ) throws(Failure) {
    guard bootID == self.bootID else { return }
    var log = try log(limiter, key)
    log.refund(weight, grantedAt: boot)
    keep(log, limiter, key, window)
  }

  /// Replaces what was reserved by what was used; ``SlidingLog/settle(_:used:grantedAt:arrival:at:in:)``. A grant of another
  /// boot is left to expire, and only what goes beyond it is charged.
  public func settle(
    _ place: LimitPlace, window: RateWindow, reserved: Int64, used: Int64, grantedAt boot: Int64, arrival: Int64? = nil,
    bootID: String
  ) throws(Failure) {
    let isMoved = arrival.map { $0 > boot } ?? false
    guard reserved != used || (isMoved && used > 0), bootID == self.bootID || used > reserved else { return }
    var log = try log(place.limiter, place.key)
    log.settle(reserved, used: used, grantedAt: boot, arrival: arrival, at: now.boot, in: window)
    keep(log, place.limiter, place.key, window)
  }

  /// Grants nothing at `place` before `time`, in boot time: a provider said so. For everybody, in every process.
  public func block(_ place: LimitPlace, until time: Int64, window: RateWindow) throws(Failure) {
    var log = try log(place.limiter, place.key)
    log.block(until: time)
    keep(log, place.limiter, place.key, window)
  }

  /// Forgets what was granted, as if nothing ever was: of one key, of a limiter (`key` nil), or of all (`limiter` nil).
  /// - Returns: how many states were forgotten.
  @discardableResult
  public func clear(limiter: String? = nil, key: String? = nil) throws(Failure) -> Int {
    try writeCharged()
    charged = ChargedLogs()
    return try session.run(
      "DELETE FROM limit_state WHERE (?1 IS NULL OR limiter = ?1) AND (?2 IS NULL OR key = ?2)", [limiter, key])
  }

  private func log(_ limiter: String, _ key: String) throws(Failure) -> SlidingLog {
    let place = LimitPlace(limiter: limiter, key: key)
    if let known = charged.logs[place] { return known }
    let log = try reading.limitState(limiter, key: key)?.log(on: bootID, at: now) ?? SlidingLog()
    charged.logs[place] = log
    return log
  }

  func keep(_ log: SlidingLog, _ limiter: String, _ key: String, _ window: RateWindow) {
    let place = LimitPlace(limiter: limiter, key: key)
    charged.logs[place] = log
    charged.changed[place] = window
  }

  /// Writes what was charged; called once, before the transaction commits.
  func writeCharged() throws(Failure) {
    guard !charged.changed.isEmpty else { return }
    try forgetIdle()
    for (place, window) in charged.changed {
      guard let log = charged.logs[place] else { continue }
      try session.run(
        "INSERT OR REPLACE INTO limit_state VALUES(?, ?, ?, ?, ?, ?, ?)",
        [
          place.limiter, place.key, bootID, now.boot, now.wall.microseconds, log.expires(in: window), Data(log.encoded),
        ])
    }
    charged.changed.removeAll()
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
