public import AstroCore
public import AstroLimits
import FoundationEssentials
import GRDB

/// The stored state of one limiter under one key.
public struct LimitState: Sendable, Equatable {
  public var limiter: String
  public var key: String
  public var stored: StoredLog
}

extension Reading {
  /// By limiter and key; states that have run out may still be among them.
  public func limitStates() throws(Failure) -> [LimitState] {
    try session.rows(
      "SELECT boot_id, written_boot, written_at, log, limiter, key FROM limit_state ORDER BY limiter, key"
    ) { row in
      LimitState(limiter: row.text(4), key: row.text(5), stored: try decodeLog(row, row.text(4), row.text(5)))
    }
  }

  /// `nil` when nothing is charged under the key.
  public func limitState(_ limiter: String, key: String) throws(Failure) -> StoredLog? {
    try session.rows(
      "SELECT boot_id, written_boot, written_at, log FROM limit_state WHERE limiter = ? AND key = ?", [limiter, key]
    ) { try decodeLog($0, limiter, key) }.first
  }

  /// What the limiter would answer to `weight` at `now`, without taking anything.
  ///
  /// Throws `limit` (`exceeds_limit`) for a weight above the whole limit: waiting cannot help.
  public func check(
    _ limiter: String, key: String, window: RateWindow, weight: Int64 = 1, at now: Moment, bootID: String
  ) throws(Failure) -> LimitVerdict {
    let log = try limitState(limiter, key: key)?.log(on: bootID, at: now) ?? SlidingLog()
    return try LimitVerdict(
      log.check(weight, at: now.boot, in: window), limiter: limiter, key: key, weight: weight, in: window, at: now)
  }

  /// Damage is an error, never "nothing was granted": an unreadable limit must not become an open door.
  private func decodeLog(_ row: Row, _ limiter: String, _ key: String) throws(Failure) -> StoredLog {
    do throws(SlidingLog.MalformedLog) {
      return StoredLog(
        log: try SlidingLog(decoding: row[3] as Data? ?? Data()), bootID: row.text(0),
        written: Moment(wall: row.instant(2), boot: row[1] as Int64? ?? 0))
    } catch {
      throw session.malformed("the state of limit \(limiter)/\(key): \(error.reason)")
    }
  }
}

extension LimitVerdict {
  /// An answer in boot time as people and receipts see it, in wall time.
  init(
    _ answer: LimitAnswer, limiter: String, key: String, weight: Int64, in window: RateWindow, at now: Moment
  ) throws(Failure) {
    self.init(
      limiter: limiter, key: key, allowed: true, limit: window.maxRequests, remaining: answer.remaining,
      resetAt: now.wall + .microseconds(answer.resetAt - now.boot), retryAfter: .zero)
    switch answer.decision {
    case .granted: return
    case .notBefore(let time):
      allowed = false
      retryAfter = .microseconds(time - now.boot)
    case .exceedsLimit:
      let grants = "\(window.maxRequests) in \(Notation.spell(window.window))"
      throw Failure(
        .limit, subject: "\(limiter)/\(key)",
        message: "exceeds_limit: a weight of \(weight) is never granted, the limit is \(grants)")
    }
  }
}
