public import AstroCore
import FoundationEssentials
import GRDB

/// What an attempt came to that may stand for equal ones.
public struct CachedResult: Sendable, Equatable {
  public var outcome: AttemptOutcome
  public var outputs: [String: String]
  /// All that it printed.
  public var stdout: [UInt8]
  public var createdAt: Timestamp

  public init(outcome: AttemptOutcome, outputs: [String: String], stdout: [UInt8], createdAt: Timestamp) {
    self.outcome = outcome
    self.outputs = outputs
    self.stdout = stdout
    self.createdAt = createdAt
  }
}

/// Results by what they are the results of, and apart from them the attempts under way whose results will be kept: what such
/// an attempt comes to, or that it comes to nothing, does no harm to a result that is there.
extension Transaction {
  /// Notes that the result of an attempt will be kept. An attempt that is begun again under its number goes on with what it
  /// has done: when that was made of other inputs, its result is never kept.
  /// - Returns: whether it will be.
  public func leads(_ attempt: AttemptKey, under ticket: CacheTicket) throws(Failure) -> Bool {
    guard let earlier = try reading.ticket(of: attempt) else {
      try session.run(
        "INSERT INTO leader(run, task, number, key, files) VALUES(?, ?, ?, ?, ?)",
        [attempt.workflow.text, attempt.task, attempt.number, ticket.key, RecordText.encode(ticket.files)])
      return true
    }
    if earlier.key == ticket.key, earlier.files == ticket.files { return true }
    try session.run(
      "UPDATE leader SET key = NULL WHERE run = ? AND task = ? AND number = ?",
      [attempt.workflow.text, attempt.task, attempt.number])
    return false
  }

  /// Notes that an attempt is over, or goes to another agent.
  public func leadsNoMore(_ attempt: AttemptKey) throws(Failure) {
    try session.run(
      "DELETE FROM leader WHERE run = ? AND task = ? AND number = ?",
      [attempt.workflow.text, attempt.task, attempt.number])
  }

  /// Keeps a result, in the place of an older one.
  public func keep(_ result: CachedResult, under key: String) throws(Failure) {
    try session.run(
      "INSERT OR REPLACE INTO cache VALUES(?, ?, ?, ?, ?)",
      [
        key, OutcomeColumns(result.outcome).word, RecordText.encode(result.outputs), Data(result.stdout),
        result.createdAt.microseconds,
      ])
  }

  /// Forgets results that were made before `time`.
  /// - Returns: how many.
  @discardableResult
  public func forgetCached(before time: Timestamp) throws(Failure) -> Int {
    try session.run("DELETE FROM cache WHERE created_at < ?", [time.microseconds])
  }
}

extension Reading {
  /// What is kept under `key` and was made at `time` or after.
  public func cached(_ key: String, since time: Timestamp) throws(Failure) -> CachedResult? {
    try session.rows(
      "SELECT outcome, outputs, stdout, created_at FROM cache WHERE key = ? AND created_at >= ?",
      [key, time.microseconds]
    ) { row in
      let columns = OutcomeColumns(word: row.text(0), exitCode: 0, signal: nil, message: nil)
      guard let outcome = columns.outcome, outcome.isSuccess, let outputs = RecordText.strings(row.text(1)) else {
        throw session.malformed("the cached result \(key)")
      }
      return CachedResult(
        outcome: outcome, outputs: outputs, stdout: Array(row[2] as Data? ?? Data()), createdAt: row.instant(3))
    }.first
  }

  /// Whether an attempt is under way, other than `attempt`, whose result will be kept under `key`. One whose run nobody works
  /// on is not waited for, though it may go on under its warden.
  /// - Parameter isAlive: whether the runner that owns a run works.
  public func isLed(
    _ key: String, besides attempt: AttemptKey? = nil, isAlive: (_ owner: String) -> Bool
  ) throws(Failure) -> Bool {
    try session.rows(
      """
      SELECT run.owner, leader.run, leader.task, leader.number FROM leader JOIN attempt USING(run, task, number) \
      JOIN run ON run.id = leader.run WHERE leader.key = ? AND attempt.outcome IS NULL
      """, [key]
    ) { row in
      let other = AttemptKey(
        workflow: WorkflowID(unchecked: row.text(1)), task: row.text(2), number: Int(row[3] as Int64? ?? 0))
      return other == attempt ? nil : row[0] as String?
    }.contains { $0.map(isAlive) ?? false }
  }

  /// The attempts of a run under way whose results will be kept.
  public func leaders(of run: WorkflowID) throws(Failure) -> [AttemptKey: CacheTicket] {
    let found = try session.rows(
      """
      SELECT task, number, key, files FROM leader JOIN attempt USING(run, task, number) \
      WHERE run = ? AND key IS NOT NULL AND attempt.outcome IS NULL
      """, [run.text]
    ) { row in
      (
        AttemptKey(workflow: run, task: row.text(0), number: Int(row[1] as Int64? ?? 0)),
        CacheTicket(key: row.text(2), files: try files(row.text(3), of: run))
      )
    }
    return Dictionary(uniqueKeysWithValues: found)
  }

  /// Under what an attempt was begun before; of one that is never kept the key is empty.
  fileprivate func ticket(of attempt: AttemptKey) throws(Failure) -> CacheTicket? {
    try session.rows(
      "SELECT key, files FROM leader WHERE run = ? AND task = ? AND number = ?",
      [attempt.workflow.text, attempt.task, attempt.number]
    ) { row in
      CacheTicket(key: row[0] as String? ?? "", files: try files(row.text(1), of: attempt.workflow))
    }.first
  }

  private func files(_ text: String, of run: WorkflowID) throws -> [String: String] {
    guard let files = RecordText.strings(text) else { throw session.malformed("the inputs of an attempt of \(run)") }
    return files
  }
}
