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

/// Results by what they are the results of. A row without an outcome is of an attempt that is under way; it means something
/// for as long as that attempt has no outcome, so that none outlives its runner.
extension Transaction {
  /// Notes that an attempt is under way whose result will be kept under `key`.
  public func leads(_ attempt: AttemptKey, under key: String) throws(Failure) {
    try session.run(
      """
      INSERT INTO cache(key, run, task, number, created_at) VALUES(?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET \
      run = excluded.run, task = excluded.task, number = excluded.number, outcome = NULL, outputs = NULL, \
      stdout = NULL, created_at = excluded.created_at
      """, [key, attempt.workflow.text, attempt.task, attempt.number, now.wall.microseconds])
  }

  /// Keeps what the attempt that leads under `key` came to, or, with `nil`, nothing.
  public func keep(_ result: CachedResult?, under key: String) throws(Failure) {
    guard let result else { return _ = try session.run("DELETE FROM cache WHERE key = ?", [key]) }
    try session.run(
      "UPDATE cache SET outcome = ?, outputs = ?, stdout = ?, created_at = ? WHERE key = ?",
      [
        OutcomeColumns(result.outcome).word, RecordText.encode(result.outputs), Data(result.stdout),
        result.createdAt.microseconds, key,
      ])
  }

  /// Forgets results that were made before `time`, and attempts of which nothing came.
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
      "SELECT outcome, outputs, stdout, created_at FROM cache WHERE key = ? AND outcome IS NOT NULL AND created_at >= ?",
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

  /// Whether an attempt whose result will be kept under `key` is under way.
  /// - Parameter isOver: whether an attempt of an agent is over though it has no outcome, because its launcher is gone.
  public func isLed(
    _ key: String, isOver: (_ agent: String, _ launcher: String) -> Bool
  ) throws(Failure) -> Bool {
    try session.rows(
      """
      SELECT agent, launcher FROM cache JOIN attempt USING(run, task, number) \
      WHERE key = ? AND cache.outcome IS NULL AND attempt.outcome IS NULL
      """, [key]
    ) { (agent: $0.text(0), launcher: $0.text(1)) }.contains { !isOver($0.agent, $0.launcher) }
  }
}
