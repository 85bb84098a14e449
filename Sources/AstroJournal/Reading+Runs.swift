public import AstroCore
import FoundationEssentials
import GRDB

extension Reading {
  public func run(_ id: WorkflowID) throws(Failure) -> RunRecord? {
    try session.rows("SELECT * FROM run WHERE id = ?", [id.text], decodeRun).first
  }

  /// The bytes submitted; `nil` when there is no such run.
  public func content(_ id: WorkflowID) throws(Failure) -> [UInt8]? {
    try session.rows("SELECT bytes FROM content WHERE run = ?", [id.text]) { Array($0[0] as Data? ?? Data()) }.first
  }

  /// What a person means by a word: a whole identifier, the start of exactly one, or `@latest`, the run claimed last.
  public enum Named: Sendable, Equatable {
    case run(WorkflowID)
    /// Announced by `astro submit`; its file has not been taken yet.
    case waiting(WorkflowID)

    public var id: WorkflowID {
      switch self {
      case .run(let id), .waiting(let id): id
      }
    }
  }

  /// Throws `not_found` when there is none, or when several begin so. Text that cannot be an identifier is not looked
  /// for at all.
  public func find(_ text: String) throws(Failure) -> Named {
    if text == "@latest" {
      guard let id = try ids("SELECT id FROM run ORDER BY claimed_at DESC, id DESC LIMIT 1").first else {
        throw Failure(.notFound, subject: text, message: "there is no run yet")
      }
      return .run(id)
    }
    guard WorkflowID(validating: text) != nil else {
      let shown = text.isEmpty ? "''" : text.count > 100 ? text.prefix(100) + "…" : text
      throw Failure(.notFound, subject: String(shown), message: "no such run; astro list shows those there are")
    }
    if let id = try ids("SELECT id FROM run WHERE id = ?", [text]).first { return .run(id) }
    // Identifiers are ASCII: everything that begins with `text` lies between it and it followed by DEL.
    let runs = try ids("SELECT id FROM run WHERE id > ? AND id < ? ORDER BY id LIMIT 6", [text, text + "\u{7F}"])
    let found = try runs.map(Named.run) + submissions(from: text).map(Named.waiting)
    switch found.count {
    case 0: throw Failure(.notFound, subject: text, message: "no such run; astro list shows those there are")
    case 1: return found[0]
    default:
      let shown = found.prefix(5).map(\.id.text).joined(separator: ", ") + (found.count > 5 ? ", …" : "")
      throw Failure(.notFound, subject: text, message: "several runs begin so: \(shown)")
    }
  }

  /// ``find(_:)`` where only a run will do.
  public func resolve(_ text: String) throws(Failure) -> WorkflowID {
    switch try find(text) {
    case .run(let id): return id
    case .waiting(let id):
      throw Failure(.notFound, subject: id.text, message: "waits in the spool: it has not become a run yet")
    }
  }

  /// Newest first. An empty set of `states`, and no `user`, means all.
  public func runs(
    states: Set<RunState> = [], user: String? = nil, limit: Int = 100
  ) throws(Failure) -> [RunRecord] {
    let words = states.isEmpty ? nil : "," + states.map(\.rawValue).joined(separator: ",") + ","
    return try session.rows(
      """
      SELECT * FROM run WHERE (?1 IS NULL OR instr(?1, ',' || state || ',') > 0) AND (?2 IS NULL OR user = ?2) \
      ORDER BY claimed_at DESC, id DESC LIMIT ?3
      """, [words, user, limit], decodeRun)
  }

  /// Runs that have not ended, oldest first.
  public func active() throws(Failure) -> [RunRecord] {
    try session.rows(
      "SELECT * FROM run WHERE state IN ('queued', 'running', 'held') ORDER BY claimed_at, id", [], decodeRun)
  }

  /// Runs whose file is not yet in its final place, oldest first: what recovery looks at.
  public func unsettled() throws(Failure) -> [RunRecord] {
    try session.rows("SELECT * FROM run WHERE settled = 0 ORDER BY claimed_at, id", [], decodeRun)
  }

  /// Runs that have not ended and that nobody works on, most urgent first.
  public func unowned(limit: Int) throws(Failure) -> [RunRecord] {
    try session.rows(
      """
      SELECT * FROM run WHERE owner IS NULL AND settled = 0 AND state IN ('queued', 'running', 'held') \
      ORDER BY priority DESC, claimed_at, id LIMIT ?
      """, [limit], decodeRun)
  }

  /// Whether a run that is not settled belongs to `runner`, or an attempt without an end was started by it.
  public func refers(to runner: String) throws(Failure) -> Bool {
    let rows = try session.rows(
      """
      SELECT EXISTS(SELECT 1 FROM run WHERE owner = ?1 AND settled = 0) \
      OR EXISTS(SELECT 1 FROM attempt WHERE launcher = ?1 AND outcome IS NULL)
      """, [runner]
    ) { $0[0] as Bool? ?? false }
    return rows.first ?? false
  }

  /// Settled runs that ended before `time`, those that failed or were rejected before `failedBefore`; oldest first, for
  /// `astro clean`.
  public func finished(
    before time: Timestamp, failedBefore: Timestamp? = nil, limit: Int = .max
  ) throws(Failure) -> [RunRecord] {
    try session.rows(
      """
      SELECT * FROM run WHERE settled = 1 AND state NOT IN ('queued', 'running', 'held') \
      AND finished_at < CASE WHEN state IN ('failed', 'rejected') THEN ?2 ELSE ?1 END ORDER BY finished_at, id LIMIT ?3
      """, [time.microseconds, (failedBefore ?? time).microseconds, limit], decodeRun)
  }

  /// Those of `ids` that have a row.
  public func known(_ ids: some Sequence<WorkflowID>) throws(Failure) -> Set<WorkflowID> {
    var known: Set<WorkflowID> = []
    for id in ids where try !self.ids("SELECT id FROM run WHERE id = ?", [id.text]).isEmpty { known.insert(id) }
    return known
  }

  /// The run that was claimed last under this name in `spool/`; `nil` when none was.
  public func latest(file: [UInt8]) throws(Failure) -> WorkflowID? {
    try session.rows(
      "SELECT id FROM run WHERE file = ? ORDER BY claimed_at DESC, id DESC LIMIT 1", [Data(file)]
    ) { WorkflowID(unchecked: $0.text(0)) }.first
  }

  /// The run that ended last; rejected files are none.
  public func lastEnded() throws(Failure) -> RunRecord? {
    try session.rows(
      """
      SELECT * FROM run WHERE finished_at IS NOT NULL AND state <> 'rejected' \
      ORDER BY finished_at DESC, id DESC LIMIT 1
      """, [], decodeRun
    ).first
  }

  private func ids(_ sql: StaticString, _ arguments: StatementArguments = []) throws(Failure) -> [WorkflowID] {
    try session.rows(sql, arguments) { WorkflowID(unchecked: $0.text(0)) }
  }

  private func decodeState(_ word: String) throws(Failure) -> RunState {
    guard let state = RunState(rawValue: word) else { throw session.malformed("unknown run state '\(word)'") }
    return state
  }

  /// Columns in the order of the table: all statements above select `*`, and published layouts only grow at the end.
  func decodeRun(_ row: Row) throws -> RunRecord {
    let id = WorkflowID(unchecked: row.text(0))
    guard let params = RecordText.values(row.text(8)), let errors = RecordText.diagnostics(row.text(17)) else {
      throw session.malformed("the parameters or errors of run \(id)")
    }
    var run = RunRecord(
      id: id, name: row.text(1), user: row.text(2), state: try decodeState(row.text(3)), priority: row[4] as Int? ?? 0,
      file: Array(row[5] as Data? ?? Data()), fileExtension: row.text(6), sha256: row.text(7),
      submittedAt: row.instant(9), claimedAt: row.instant(10), owner: row[13])
    run.params = params
    run.startedAt = row.time(11)
    run.finishedAt = row.time(12)
    run.isSettled = row[14] as Bool? ?? false
    run.isCancelRequested = row[15] as Bool? ?? false
    run.reason = row[16]
    run.errors = errors
    run.rateLimit = (row[18] as String?).flatMap { RecordText.verdict($0) }
    run.isHoldRequested = row[19] as Bool? ?? false
    run.retriedAt = row.time(20)
    run.taskCount = row[21] as Int? ?? 0
    run.submitter = (row[22] as Int64?).flatMap { UInt32(exactly: $0) } ?? .max
    return run
  }
}
