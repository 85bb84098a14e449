public import AstroCore
import FoundationEssentials
import GRDB

extension Reading {
  /// The tasks of a run that have left `pending`, by id.
  public func tasks(of run: WorkflowID) throws(Failure) -> [TaskRecord] {
    try session.rows("SELECT * FROM task WHERE run = ? ORDER BY task", [run.text], decodeTask)
  }

  /// How many tasks of a run are in which state; those that have not left `pending` are not counted.
  public func taskCounts(of run: WorkflowID) throws(Failure) -> [TaskState: Int] {
    let rows = try session.rows("SELECT state, count(*) FROM task WHERE run = ? GROUP BY state", [run.text]) { row in
      guard let state = TaskState(rawValue: row.text(0)) else {
        throw session.malformed("the state '\(row.text(0))' of a task of \(run)")
      }
      return (state, row[1] as Int? ?? 0)
    }
    return Dictionary(rows) { first, _ in first }
  }

  /// The tasks of a run that have a process, or are about to get one.
  public func runningTasks(of run: WorkflowID) throws(Failure) -> [String] {
    try session.rows("SELECT task FROM task WHERE run = ? AND state = 'running' ORDER BY started_at, task", [run.text])
    {
      $0.text(0)
    }
  }

  /// All attempts of a run, by task and number.
  public func attempts(of run: WorkflowID) throws(Failure) -> [AttemptRecord] {
    try session.rows("SELECT * FROM attempt WHERE run = ? ORDER BY task, number", [run.text], decodeAttempt)
  }

  public func attempt(_ key: AttemptKey) throws(Failure) -> AttemptRecord? {
    try session.rows(
      "SELECT * FROM attempt WHERE run = ? AND task = ? AND number = ?", [key.workflow.text, key.task, key.number],
      decodeAttempt
    ).first
  }

  /// The highest number of each task that was ever begun, which a retry counts on from.
  public func lastAttempts(of run: WorkflowID) throws(Failure) -> [String: Int] {
    let rows = try session.rows("SELECT task, max(number) FROM attempt WHERE run = ? GROUP BY task", [run.text]) {
      ($0.text(0), $0[1] as Int? ?? 0)
    }
    return Dictionary(rows) { first, _ in first }
  }

  /// What has a process now, in the whole home: the agent of each attempt and the runner its run belongs to. Starts that
  /// are recorded ahead of their slot are not among them.
  public func occupiedSlots() throws(Failure) -> [OccupiedSlot] {
    try session.rows(
      """
      SELECT attempt.agent, run.owner FROM attempt \
      JOIN task ON task.run = attempt.run AND task.task = attempt.task JOIN run ON run.id = attempt.run \
      WHERE attempt.outcome IS NULL AND task.state = 'running'
      """
    ) { OccupiedSlot(agent: $0.text(0), owner: $0[1]) }
  }

  /// Every attempt without an outcome, of all runs and launchers: what recovery asks the wardens about.
  public func runningAttempts() throws(Failure) -> [AttemptRecord] {
    try session.rows(
      "SELECT * FROM attempt WHERE outcome IS NULL ORDER BY launcher, run, task, number", [], decodeAttempt)
  }

  /// Columns in the order of the table.
  func decodeTask(_ row: Row) throws -> TaskRecord {
    let run = WorkflowID(unchecked: row.text(0))
    guard let state = TaskState(rawValue: row.text(2)), let outputs = RecordText.strings(row.text(7)) else {
      throw session.malformed("the state or outputs of task \(run)/\(row.text(1))")
    }
    var task = TaskRecord(
      run: run, task: row.text(1), state: state, attempts: row[3] as Int? ?? 0, notBefore: row.time(4),
      reason: row[5], exitCode: row[6], outputs: outputs,
      stdout: (row[8] as Data?).map { String(decoding: $0, as: UTF8.self) }, startedAt: row.time(9),
      finishedAt: row.time(10))
    task.base = row[11] as Int? ?? 0
    return task
  }

  /// Columns in the order of the table.
  func decodeAttempt(_ row: Row) throws -> AttemptRecord {
    let key = AttemptKey(
      workflow: WorkflowID(unchecked: row.text(0)), task: row.text(1), number: row[2] as Int? ?? 0)
    guard let charges = RecordText.charges(row[21] as String? ?? "[]") else {
      throw session.malformed("what attempt \(key) took of limits")
    }
    var attempt = AttemptRecord(
      key: key, agent: row.text(3), launcher: row.text(4),
      started: Moment(wall: row.instant(5), boot: row[6] as Int64? ?? 0), bootID: row.text(7), charges: charges,
      ending: try decodeEnding(row, of: key))
    attempt.endingCause = row[17]
    return attempt
  }

  private func decodeEnding(_ row: Row, of key: AttemptKey) throws(Failure) -> AttemptRecord.Ending? {
    guard let word = row[10] as String? else { return nil }
    let columns = OutcomeColumns(word: word, exitCode: row[11], signal: row[12], message: row[13])
    guard let outcome = columns.outcome else { throw session.malformed("the outcome of attempt \(key)") }
    var ending = AttemptRecord.Ending(
      outcome: outcome, finishedAt: row.instant(8), duration: .microseconds(row[9] as Int64? ?? 0),
      usage: ResourceUsage(
        userMicroseconds: row[14] as Int64? ?? 0, systemMicroseconds: row[15] as Int64? ?? 0,
        peakKiB: row[16] as Int64? ?? 0),
      omitted: OmittedOutput(stdout: row[18] as Int64? ?? 0, stderr: row[19] as Int64? ?? 0))
    ending.isCached = (row[20] as Int?) == 1
    return ending
  }
}
