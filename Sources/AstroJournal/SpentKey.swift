public import AstroCore
import GRDB

/// A key that its provider refused because its money or its quota is used up: whoever would be sent with it waits. Kept for
/// all runners, because a pass that cron starts has no memory.
public struct SpentKey: Sendable, Equatable {
  /// Whose it is at which provider; never the key.
  public var account: String
  /// When one call asks again.
  public var until: Timestamp
  /// The wait that ends then.
  public var pause: Duration
  /// The provider's words.
  public var reason: String

  /// The first wait; each call that asks again in vain doubles it.
  public static let firstPause = Duration.seconds(300)
  public static let longestPause = Duration.seconds(3600)

  public init(account: String, until: Timestamp, pause: Duration = Self.firstPause, reason: String) {
    self.account = account
    self.until = until
    self.pause = pause
    self.reason = reason
  }

  /// When it was refused, or one call began to ask again.
  public var since: Timestamp { until - pause }

  /// The call that was to ask again did not.
  public func unasked(at now: Timestamp) -> SpentKey {
    SpentKey(account: account, until: now, pause: max(pause / 2, Self.firstPause), reason: reason)
  }

  /// While one call asks again, nobody else does.
  public func asked(at now: Timestamp) -> SpentKey {
    let pause = min(pause * 2, Self.longestPause)
    return SpentKey(account: account, until: now + pause, pause: pause, reason: reason)
  }
}

extension Reading {
  /// `nil` where the key works, as far as is known.
  public func spentKey(_ account: String) throws(Failure) -> SpentKey? {
    try session.rows("SELECT * FROM spent_key WHERE account = ?", [account], decodeSpentKey).first
  }

  public func spentKeys() throws(Failure) -> [SpentKey] {
    try session.rows("SELECT * FROM spent_key ORDER BY account", [], decodeSpentKey)
  }

  private func decodeSpentKey(_ row: Row) -> SpentKey {
    SpentKey(
      account: row.text(0), until: row.instant(1), pause: .microseconds(row[2] as Int64? ?? 0), reason: row.text(3))
  }
}

extension Transaction {
  public func put(_ key: SpentKey) throws(Failure) {
    try session.run(
      "INSERT OR REPLACE INTO spent_key VALUES(?, ?, ?, ?)",
      [key.account, key.until.microseconds, key.pause.microseconds, key.reason])
  }

  /// The key works again. Tasks that wait for one by themselves ask anew: a later pass, which has no memory, as soon as it
  /// takes their run over.
  /// - Parameter reason: why they wait, as their records say it.
  public func forgetSpentKey(_ account: String, waitingBecause reason: String) throws(Failure) {
    guard try session.run("DELETE FROM spent_key WHERE account = ?", [account]) > 0 else { return }
    try session.run(
      """
      UPDATE task SET state = 'pending', not_before = NULL, reason = NULL WHERE state = 'waiting' AND reason = ? \
      AND run IN (SELECT id FROM run WHERE state IN ('queued', 'running', 'held'))
      """, [reason])
  }
}
