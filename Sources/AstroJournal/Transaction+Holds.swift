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
  /// How many places are held: an attempt has one, or as many as it has calls under way at a time.
  public func holds(of place: LimitPlace) throws(Failure) -> Int64 { try holds(at: place)[place] ?? 0 }

  /// The same for every place that is held.
  public func holds() throws(Failure) -> [LimitPlace: Int64] { try holds(at: nil) }

  private func holds(at place: LimitPlace?) throws(Failure) -> [LimitPlace: Int64] {
    let rows = try session.rows(
      """
      SELECT limiter, key, sum(max(1, (SELECT count(*) FROM call INDEXED BY call_open WHERE call.agent = attempt.agent \
      AND call.status IS NULL AND call.run = hold.run AND call.task = hold.task AND call.number = hold.number))) \
      FROM hold JOIN attempt USING(run, task, number) WHERE outcome IS NULL \
      AND limiter = coalesce(?, limiter) AND key = coalesce(?, key) GROUP BY limiter, key
      """, [place?.limiter, place?.key]
    ) { (LimitPlace(limiter: $0.text(0), key: $0.text(1)), $0[2] as Int64? ?? 0) }
    return Dictionary(rows) { first, _ in first }
  }
}
