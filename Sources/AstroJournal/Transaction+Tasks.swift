public import AstroCore
import FoundationEssentials
import GRDB

extension Transaction {
  /// Writes the row of a task; what a retry forgave it (``TaskRecord/base``) stays.
  public func put(_ task: TaskRecord) throws(Failure) {
    try session.run(
      """
      INSERT INTO task VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO UPDATE SET state = excluded.state, \
      attempts = excluded.attempts, not_before = excluded.not_before, reason = excluded.reason, \
      exit_code = excluded.exit_code, outputs = excluded.outputs, stdout = excluded.stdout, \
      started_at = excluded.started_at, finished_at = excluded.finished_at
      """,
      [
        task.run.text, task.task, task.state.rawValue, task.attempts, task.notBefore?.microseconds, task.reason,
        task.exitCode, RecordText.encode(task.outputs), task.stdout.map { Data($0.utf8) }, task.startedAt?.microseconds,
        task.finishedAt?.microseconds,
      ])
  }

  /// Records that an attempt begins. Durable before it is started: a runner that dies in between leaves an attempt without
  /// an outcome, which its successor settles, and never a process nobody knows of. Throws for one that was begun before and
  /// not withdrawn: it must not be started again.
  public func beginAttempt(_ attempt: AttemptRecord) throws(Failure) {
    try session.run(
      """
      INSERT INTO attempt(run, task, number, agent, launcher, started_at, started_boot, boot_id, charges) \
      VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)
      """,
      [
        attempt.key.workflow.text, attempt.key.task, attempt.key.number, attempt.agent, attempt.launcher,
        attempt.started.wall.microseconds, attempt.started.boot, attempt.bootID,
        attempt.charges.isEmpty ? nil : RecordText.encode(attempt.charges),
      ])
  }

  /// Records how an attempt ended. An end that is known already stands: of two reports of one attempt (its runner's and,
  /// after a crash, its successor's) only the first counts.
  /// - Returns: whether this was the first. Count the ending in metrics only then.
  public func endAttempt(_ ending: AttemptEnding, agent: String) throws(Failure) -> Bool {
    let columns = OutcomeColumns(ending.outcome)
    return try session.run(
      """
      UPDATE attempt SET agent = ?, started_at = ?, finished_at = ?, duration_us = ?, outcome = ?, exit_code = ?, signal = ?, \
      message = ?, user_us = ?, system_us = ?, peak_kib = ?, stdout_omitted = ?, stderr_omitted = ?, cached = ? \
      WHERE run = ? AND task = ? AND number = ? AND outcome IS NULL
      """,
      [
        agent, ending.startedAt.microseconds, ending.finishedAt.microseconds, ending.duration.microseconds,
        columns.word,
        columns.exitCode, columns.signal, columns.message, ending.usage.userMicroseconds,
        ending.usage.systemMicroseconds, ending.usage.peakKiB, ending.omitted.stdout, ending.omitted.stderr,
        ending.isCached, ending.key.workflow.text, ending.key.task,
        ending.key.number,
      ]) > 0
  }

  /// Records that an attempt goes to another agent than the one it was begun for.
  public func setAgent(of key: AttemptKey, to agent: String) throws(Failure) {
    try session.run(
      "UPDATE attempt SET agent = ? WHERE run = ? AND task = ? AND number = ? AND outcome IS NULL",
      [agent, key.workflow.text, key.task, key.number])
  }

  /// Records why an attempt is asked to end. The first cause stands.
  public func setEndingCause(of key: AttemptKey, _ cause: String) throws(Failure) {
    try session.run(
      "UPDATE attempt SET ending = ? WHERE run = ? AND task = ? AND number = ? AND outcome IS NULL AND ending IS NULL",
      [cause, key.workflow.text, key.task, key.number])
  }

  /// Forgets that an attempt begins: nothing was started for it and nothing will be. Its task is `pending` again, also where
  /// a runner had recorded the launch and died before it. An attempt that ended stays.
  /// - Returns: what is forgotten; `nil` when there is nothing to forget.
  @discardableResult
  public func withdrawAttempt(_ key: AttemptKey) throws(Failure) -> AttemptRecord? {
    guard let attempt = try reading.attempt(key), attempt.ending == nil else { return nil }
    try session.run(
      "DELETE FROM attempt WHERE run = ? AND task = ? AND number = ?", [key.workflow.text, key.task, key.number])
    try session.run(
      "DELETE FROM hold WHERE run = ? AND task = ? AND number = ?", [key.workflow.text, key.task, key.number])
    try session.run(
      """
      UPDATE task SET state = 'pending', attempts = ?3 - 1, not_before = NULL, reason = NULL, started_at = NULL \
      WHERE run = ?1 AND task = ?2
      """, [key.workflow.text, key.task, key.number])
    return attempt
  }
}
