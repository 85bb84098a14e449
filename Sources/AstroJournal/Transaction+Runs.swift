public import AstroCore
import FoundationEssentials
import GRDB

extension Transaction {
  /// Admits a run: once this is durable the row is the truth, and where the file lies is repaired from it. A run that is
  /// known already stays as it is, so that a claim repeated after a crash changes nothing.
  /// - Returns: whether it was new.
  @discardableResult
  public func insert(_ run: RunRecord, content: [UInt8]) throws(Failure) -> Bool {
    let inserted = try session.run(
      "INSERT OR IGNORE INTO run VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      [
        run.id.text, run.name, run.user, run.state.rawValue, run.priority, Data(run.file), run.fileExtension,
        run.sha256, RecordText.encode(run.params), run.submittedAt.microseconds, run.claimedAt.microseconds,
        run.startedAt?.microseconds, run.finishedAt?.microseconds, run.deadlineAt?.microseconds, run.owner,
        run.isSettled, run.isCancelRequested, run.reason, RecordText.encode(run.errors),
        run.rateLimit.map { RecordText.encode($0) }, run.crashCount, run.taskCount,
      ])
    guard inserted > 0 else { return false }
    try session.run("INSERT INTO content(run, bytes) VALUES(?, ?)", [run.id.text, Data(content)])
    return true
  }

  /// Moves a run to `state`. What is `nil` stays as it was.
  public func update(
    _ id: WorkflowID, state: RunState, startedAt: Timestamp? = nil, finishedAt: Timestamp? = nil,
    deadlineAt: Timestamp? = nil, reason: String? = nil
  ) throws(Failure) {
    let changed = try session.run(
      """
      UPDATE run SET state = ?, started_at = coalesce(?, started_at), finished_at = coalesce(?, finished_at), \
      deadline_at = coalesce(?, deadline_at), reason = coalesce(?, reason) WHERE id = ?
      """,
      [
        state.rawValue, startedAt?.microseconds, finishedAt?.microseconds, deadlineAt?.microseconds, reason, id.text,
      ])
    try require(changed, id)
  }

  /// Hands a run from one owner to another: compare-and-set, so that of two runners adopting the same run one succeeds.
  /// - Returns: whether `old` was still its owner.
  public func setOwner(_ id: WorkflowID, from old: String?, to new: String?) throws(Failure) -> Bool {
    try session.run("UPDATE run SET owner = ? WHERE id = ? AND owner IS ?", [new, id.text, old]) > 0
  }

  /// The file lies in its final place and the receipt beside it. Written after both, so that a crash between repeats
  /// them, which is harmless.
  public func markSettled(_ id: WorkflowID) throws(Failure) {
    try require(try session.run("UPDATE run SET settled = 1 WHERE id = ?", [id.text]), id)
  }

  /// Asks the owner to end the run. Nothing happens to one that has ended.
  /// - Returns: whether there was anything to ask.
  @discardableResult
  public func requestCancel(_ id: WorkflowID) throws(Failure) -> Bool {
    try session.run(
      "UPDATE run SET cancel_requested = 1 WHERE id = ? AND state IN ('queued', 'running', 'held')", [id.text]) > 0
  }

  /// Counts a runner that is about to prepare the run, before it does: a run that kills its runners is found by this.
  /// - Returns: the count including this one. ``clearCrashes(of:)`` when it went well.
  public func countCrash(of id: WorkflowID) throws(Failure) -> Int {
    try require(try session.run("UPDATE run SET crash_count = crash_count + 1 WHERE id = ?", [id.text]), id)
    return try reading.run(id)?.crashCount ?? 0
  }

  public func clearCrashes(of id: WorkflowID) throws(Failure) {
    try session.run("UPDATE run SET crash_count = 0 WHERE id = ?", [id.text])
  }

  /// Makes an ended run ready to go on (`astro retry`): `tasks` return to `pending`, the others keep what they achieved.
  /// Attempts stay on record; later ones are numbered on (``Reading/lastAttempts(of:)``).
  public func resetForRetry(_ id: WorkflowID, tasks: [String], owner: String?) throws(Failure) {
    let changed = try session.run(
      """
      UPDATE run SET state = 'queued', finished_at = NULL, deadline_at = NULL, reason = NULL, settled = 0, \
      cancel_requested = 0, crash_count = 0, owner = ? WHERE id = ?
      """, [owner, id.text])
    try require(changed, id)
    for task in tasks { try session.run("DELETE FROM task WHERE run = ? AND task = ?", [id.text, task]) }
  }

  /// Forgets a run and all that belongs to it. Its files are removed before: a crash between leaves a row that
  /// `astro clean` finds again, never files that nobody knows.
  public func delete(_ id: WorkflowID) throws(Failure) {
    try session.run("DELETE FROM attempt WHERE run = ?", [id.text])
    try session.run("DELETE FROM task WHERE run = ?", [id.text])
    try session.run("DELETE FROM content WHERE run = ?", [id.text])
    try session.run("DELETE FROM run WHERE id = ?", [id.text])
  }

  private func require(_ changed: Int, _ id: WorkflowID) throws(Failure) {
    guard changed == 0 else { return }
    throw Failure(.notFound, subject: id.text, message: "no such run in the journal")
  }
}
