public import AstroCore
import GRDB

/// A write in progress: everything done through it becomes durable together when ``Journal/commit(_:)`` returns, or not at
/// all. Valid only inside that call.
public final class Transaction {
  /// The time of the whole transaction, read inside the gate.
  public let now: Moment
  /// The boot that `now.boot` counts from.
  public let bootID: String
  let session: Session
  var upkeep: LimitUpkeep
  var charged = ChargedLogs()

  init(session: Session, now: Moment, bootID: String, upkeep: LimitUpkeep) {
    self.session = session
    self.now = now
    self.bootID = bootID
    self.upkeep = upkeep
  }

  /// Reads what is committed and what this transaction has changed.
  public var reading: Reading { Reading(session: session) }
}

/// Adds to counters, and the small tables.
extension Transaction {
  /// Adds to counters of the metrics. In one transaction with the event they count, so a crash neither loses nor doubles
  /// one.
  public func add(series: [String: Double]) throws(Failure) {
    for (name, value) in series {
      try session.run(
        "INSERT INTO series(name, value) VALUES(?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
        [name, value])
    }
  }

  public func put(agent: AgentRecord) throws(Failure) {
    try session.run(
      "INSERT OR REPLACE INTO agent VALUES(?, ?, ?, ?, ?, ?)",
      [
        agent.id, agent.successes, agent.failures, agent.infrastructureFailures, agent.probeAt?.microseconds,
        agent.lastError,
      ])
  }

  /// Remembers `value` under `key`; `nil` forgets it.
  public func set(meta key: String, to value: String?) throws(Failure) {
    guard let value else { return _ = try session.run("DELETE FROM meta WHERE key = ?", [key]) }
    try session.run("INSERT OR REPLACE INTO meta VALUES(?, ?)", [key, value])
  }

  /// Must be durable before the file is placed: a runner may claim the file at once.
  public func put(submission: SubmissionRecord) throws(Failure) {
    try session.run(
      "INSERT OR REPLACE INTO submission VALUES(?, ?, ?, ?)",
      [submission.id, RecordText.encode(submission.params), submission.user, submission.createdAt.microseconds])
  }

  /// Takes a submission out. In one transaction with the insertion of its run, so a crash between cannot lose it.
  public func take(submission id: String) throws(Failure) -> SubmissionRecord? {
    guard let found = try reading.submission(id) else { return nil }
    try session.run("DELETE FROM submission WHERE id = ?", [id])
    return found
  }
}
