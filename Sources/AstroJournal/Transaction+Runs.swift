public import AstroCore
import FoundationEssentials
import GRDB

extension Transaction {
  /// Admits a run: once this is durable the row is the truth, and where the file lies is repaired from it. A run that is
  /// known already stays as it is, so that a claim repeated after a crash changes nothing.
  public func insert(_ run: RunRecord, content: [UInt8]) throws(Failure) {
    let inserted = try session.run(
      "INSERT OR IGNORE INTO run VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      [
        run.id.text, run.name, run.user, run.state.rawValue, run.priority, Data(run.file), run.fileExtension,
        run.sha256, RecordText.encode(run.params), run.submittedAt.microseconds, run.claimedAt.microseconds,
        run.startedAt?.microseconds, run.finishedAt?.microseconds, run.owner, run.isSettled, run.isCancelRequested,
        run.reason, RecordText.encode(run.errors), run.rateLimit.map { RecordText.encode($0) },
        run.isHoldRequested, run.retriedAt?.microseconds, run.taskCount, Int64(run.submitter),
      ])
    guard inserted > 0 else { return }
    try session.run("INSERT INTO content(run, bytes) VALUES(?, ?)", [run.id.text, Data(content)])
  }

  /// Moves a run to `state`. What is `nil` stays as it was. A run that was asked to be held stays `held` until it ends: its
  /// runner may record the first start of a task just after the request.
  public func update(
    _ id: WorkflowID, state: RunState, startedAt: Timestamp? = nil, finishedAt: Timestamp? = nil,
    reason: String? = nil
  ) throws(Failure) {
    let changed = try session.run(
      """
      UPDATE run SET state = CASE WHEN ?1 = 'running' AND hold_requested = 1 THEN 'held' ELSE ?1 END, started_at = coalesce(?2, started_at), \
      finished_at = coalesce(?3, finished_at), reason = coalesce(?4, reason) WHERE id = ?5
      """,
      [state.rawValue, startedAt?.microseconds, finishedAt?.microseconds, reason, id.text])
    try require(changed, id)
  }

  /// Hands a run from one owner to another: compare-and-set, so that of two runners adopting the same run one succeeds.
  /// - Returns: whether `old` was still its owner.
  public func setOwner(_ id: WorkflowID, from old: String?, to new: String?) throws(Failure) -> Bool {
    try session.run("UPDATE run SET owner = ? WHERE id = ? AND owner IS ?", [new, id.text, old]) > 0
  }

  /// The file lies in its final place and the receipt beside it. Written after both, so that a crash between repeats
  /// them, which is harmless.
  ///
  /// Only the life that ended at `finishedAt` under `owner`: between the end and this mark somebody may have asked for a
  /// retry, and the run may be going on, or have ended again.
  public func markSettled(_ id: WorkflowID, by owner: String?, finishedAt: Timestamp?) throws(Failure) {
    try session.run(
      """
      UPDATE run SET settled = 1 WHERE id = ? AND owner IS ? AND finished_at IS ? \
      AND state NOT IN ('queued', 'running', 'held')
      """, [id.text, owner, finishedAt?.microseconds])
  }

  /// Asks the owner to end the run, which also ends a hold: a held run starts nothing, so it would never come to its end.
  /// Nothing happens to one that has ended.
  public func requestCancel(_ id: WorkflowID) throws(Failure) {
    try session.run(
      """
      UPDATE run SET cancel_requested = 1, hold_requested = 0, state = CASE WHEN state <> 'held' THEN state \
      WHEN started_at IS NULL THEN 'queued' ELSE 'running' END WHERE id = ? AND state IN ('queued', 'running', 'held')
      """, [id.text])
  }

  /// Asks that nothing more of the run is started. The state says so at once, whether or not a runner works on it.
  /// - Parameter reason: why, where nobody asked for it but a budget that is used up.
  /// - Returns: whether the run was going on: not ended, held or being cancelled.
  public func requestHold(_ id: WorkflowID, because reason: String? = nil) throws(Failure) -> Bool {
    try session.run(
      """
      UPDATE run SET hold_requested = 1, state = 'held', reason = ? \
      WHERE id = ? AND state IN ('queued', 'running') AND cancel_requested = 0
      """, [reason, id.text]) > 0
  }

  /// Lets a held run go on.
  /// - Returns: whether it was held.
  public func requestRelease(_ id: WorkflowID) throws(Failure) -> Bool {
    try session.run(
      """
      UPDATE run SET hold_requested = 0, reason = NULL, \
      state = CASE WHEN started_at IS NULL THEN 'queued' ELSE 'running' END \
      WHERE id = ? AND state = 'held'
      """, [id.text]) > 0
  }

  /// Makes an ended run ready to go on (`astro retry`): without an owner, for whichever runner comes first, its file to be
  /// brought back to `active/` by that one. `tasks` return to `pending` and their attempts no longer count against the
  /// workflow's `retry`, though they stay on record and later ones are numbered on; the other tasks keep what they
  /// achieved.
  public func reopen(_ id: WorkflowID, tasks: [String]) throws(Failure) {
    let changed = try session.run(
      """
      UPDATE run SET state = 'queued', started_at = NULL, finished_at = NULL, reason = NULL, \
      settled = 0, cancel_requested = 0, hold_requested = 0, owner = NULL, retried_at = ? WHERE id = ?
      """, [now.wall.microseconds, id.text])
    try require(changed, id)
    let last = try reading.lastAttempts(of: id)
    for task in tasks {
      try session.run(
        """
        INSERT OR REPLACE INTO task VALUES(?1, ?2, 'pending', ?3, NULL, NULL, NULL, '{}', NULL, NULL, NULL, ?3)
        """, [id.text, task, last[task] ?? 0])
    }
  }

  /// Forgets a run and all that belongs to it; nothing happens to one that has not ended or is not settled.
  ///
  /// Rows go before files: from this commit on nobody can retry the run, so its files may go in any number of steps. A
  /// crash in between leaves files under an identifier that no row has, which the next `astro clean` removes.
  /// - Returns: whether there was such a run.
  public func delete(_ id: WorkflowID) throws(Failure) -> Bool {
    let deleted = try session.run(
      "DELETE FROM run WHERE id = ? AND settled = 1 AND state NOT IN ('queued', 'running', 'held')", [id.text])
    guard deleted > 0 else { return false }
    try session.run("DELETE FROM attempt WHERE run = ?", [id.text])
    try session.run("DELETE FROM task WHERE run = ?", [id.text])
    try session.run("DELETE FROM content WHERE run = ?", [id.text])
    try session.run("DELETE FROM hold WHERE run = ?", [id.text])
    try session.run("DELETE FROM leader WHERE run = ?", [id.text])
    try session.run("DELETE FROM call WHERE run = ?", [id.text])
    try session.run("DELETE FROM budget WHERE scope = 'run' AND key = ?", [id.text])
    try session.run("DELETE FROM budget WHERE scope = 'task' AND key >= ?1 || '/' AND key < ?1 || '0'", [id.text])
    return true
  }

  private func require(_ changed: Int, _ id: WorkflowID) throws(Failure) {
    guard changed == 0 else { return }
    throw Failure(.notFound, subject: id.text, message: "no such run in the journal")
  }
}
