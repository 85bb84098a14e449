public import AstroCore
import GRDB

/// Places among those that may run at a time. A hold counts for as long as its attempt has no outcome: it belongs to a
/// live attempt and cannot leak, whatever dies.
extension Transaction {
  /// Takes a place for an attempt that begins in this transaction, and forgets those of attempts that are over: the end of
  /// one costs nothing.
  public func hold(_ place: LimitPlace, for key: AttemptKey) throws(Failure) {
    try session.run(
      """
      DELETE FROM hold WHERE limiter = ? AND key = ? AND NOT EXISTS(SELECT 1 FROM attempt WHERE \
      attempt.run = hold.run AND attempt.task = hold.task AND attempt.number = hold.number AND outcome IS NULL)
      """, [place.limiter, place.key])
    try session.run(
      "INSERT OR IGNORE INTO hold VALUES(?, ?, ?, ?, ?)",
      [key.workflow.text, key.task, key.number, place.limiter, place.key])
  }
}

extension Reading {
  /// How many attempts hold a place.
  public func holds(of place: LimitPlace) throws(Failure) -> Int64 {
    try session.rows(
      """
      SELECT count(*) FROM hold JOIN attempt USING(run, task, number) \
      WHERE limiter = ? AND key = ? AND outcome IS NULL
      """, [place.limiter, place.key]
    ) { $0[0] as Int64? ?? 0 }.first ?? 0
  }

  /// The same for every place that is held.
  public func holds() throws(Failure) -> [LimitPlace: Int64] {
    let rows = try session.rows(
      """
      SELECT limiter, key, count(*) FROM hold JOIN attempt USING(run, task, number) \
      WHERE outcome IS NULL GROUP BY limiter, key
      """
    ) { (LimitPlace(limiter: $0.text(0), key: $0.text(1)), $0[2] as Int64? ?? 0) }
    return Dictionary(rows) { first, _ in first }
  }
}
