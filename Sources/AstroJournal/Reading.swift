public import AstroCore
import GRDB

/// One consistent state of the journal. Valid only inside the call that gave it.
public struct Reading {
  let session: Session

  /// The counters of the metrics.
  public func series() throws(Failure) -> [String: Double] {
    let rows = try session.rows("SELECT name, value FROM series") { row in
      (row.text(0), row[1] as Double? ?? 0)
    }
    return Dictionary(rows) { first, _ in first }
  }

  /// By id.
  public func agents() throws(Failure) -> [AgentRecord] {
    try session.rows(
      "SELECT id, successes, failures, infrastructure_failures, probe_at, last_error FROM agent ORDER BY id"
    ) { row in
      AgentRecord(
        id: row.text(0), successes: row[1] as Double? ?? 0, failures: row[2] as Double? ?? 0,
        infrastructureFailures: row[3] as Int? ?? 0, probeAt: row.time(4), lastError: row[5])
    }
  }

  public func meta(_ key: String) throws(Failure) -> String? {
    try session.rows("SELECT value FROM meta WHERE key = ?", [key]) { $0.text(0) }.first
  }

  /// Submissions whose file has not been taken yet and whose identifier begins with `text`, a few of them at most.
  public func submissions(from text: String) throws(Failure) -> [WorkflowID] {
    try session.rows("SELECT id FROM submission WHERE id >= ? AND id < ? ORDER BY id LIMIT 6", [text, text + "\u{7F}"])
    {
      WorkflowID(unchecked: $0.text(0))
    }
  }

  /// Those written before `time` that no run has taken.
  public func submissions(before time: Timestamp) throws(Failure) -> [String] {
    try session.rows("SELECT id FROM submission WHERE created_at < ?", [time.microseconds]) { $0.text(0) }
  }

  public func submission(_ id: String) throws(Failure) -> SubmissionRecord? {
    try session.rows("SELECT params, user, created_at FROM submission WHERE id = ?", [id]) { row in
      guard let params = RecordText.strings(row.text(0)) else {
        throw session.malformed("the parameters of submission \(id)")
      }
      return SubmissionRecord(
        id: id, params: params, user: row.text(1), createdAt: row.instant(2))
    }.first
  }
}

extension Row {
  /// Microseconds since 1970; `nil` for NULL.
  func time(_ index: Int) -> Timestamp? { (self[index] as Int64?).map { Timestamp(microseconds: $0) } }
  func instant(_ index: Int) -> Timestamp { Timestamp(microseconds: self[index] as Int64? ?? 0) }
  func text(_ index: Int) -> String { self[index] as String? ?? "" }
}
