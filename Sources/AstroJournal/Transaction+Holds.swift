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

  /// Gives away the places of an attempt that no call of it under way needs, but those it is to keep.
  /// - Returns: what it has given away.
  public func leavePlaces(of key: AttemptKey, but kept: [LimitPlace]) throws(Failure) -> [LimitPlace] {
    let idle = try session.rows(
      """
      SELECT limiter, key FROM hold WHERE run = ? AND task = ? AND number = ? AND NOT EXISTS(SELECT 1 FROM \
      call INDEXED BY call_run, json_each(call.charges) AS charge WHERE call.status IS NULL AND call.run = hold.run \
      AND call.task = hold.task AND call.number = hold.number AND charge.value ->> 0 || '/concurrent' = hold.limiter \
      AND charge.value ->> 1 = hold.key)
      """, [key.workflow.text, key.task, key.number]
    ) { LimitPlace(limiter: $0.text(0), key: $0.text(1)) }
    let left = idle.filter { !kept.contains($0) }
    for place in left {
      try session.run(
        "DELETE FROM hold WHERE run = ? AND task = ? AND number = ? AND limiter = ? AND key = ?",
        [key.workflow.text, key.task, key.number, place.limiter, place.key])
    }
    return left
  }
}

extension Reading {
  /// Whether an attempt holds a place.
  public func holds(_ place: LimitPlace, for key: AttemptKey) throws(Failure) -> Bool {
    try session.rows(
      "SELECT 1 FROM hold WHERE run = ? AND task = ? AND number = ? AND limiter = ? AND key = ?",
      [key.workflow.text, key.task, key.number, place.limiter, place.key]
    ) { $0[0] as Int? ?? 0 }.first != nil
  }

  /// How many places are held: an attempt has one, or as many as it has calls under way at a time that take the limit,
  /// whoever they go to.
  /// - Parameter isOver: whether an attempt of an agent is over though it has no outcome, because its launcher is gone.
  public func holds(
    of place: LimitPlace, isOver: (_ agent: String, _ launcher: String) -> Bool
  ) throws(Failure) -> Int64 {
    let rows = try session.rows(
      """
      SELECT agent, launcher, sum(max(1, (SELECT count(*) FROM call INDEXED BY call_run WHERE call.status IS NULL \
      AND call.run = hold.run AND call.task = hold.task AND call.number = hold.number AND EXISTS(SELECT 1 FROM \
      json_each(call.charges) AS charge WHERE charge.value ->> 0 = ?3 AND charge.value ->> 1 = ?2)))) \
      FROM hold JOIN attempt USING(run, task, number) WHERE outcome IS NULL \
      AND limiter = ?1 AND hold.key = ?2 GROUP BY agent, launcher
      """, [place.limiter, place.key, place.limitOfSlots]
    ) { (agent: $0.text(0), launcher: $0.text(1), count: $0[2] as Int64? ?? 0) }
    return rows.reduce(0) { $0 + (isOver($1.agent, $1.launcher) ? 0 : $1.count) }
  }
}
