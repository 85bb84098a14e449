public import AstroCore
import GRDB
import Glibc

/// What can still be read of a damaged journal. Each question is asked by itself, so that a page that cannot be read costs
/// what is on it and nothing else; of the lists, each is read from both ends. Changes nothing.
public final class Salvage {
  private let connection: Connection
  /// Whether every question so far had its whole answer.
  public private(set) var isWhole = true

  /// What one run still has.
  public struct Run: Sendable {
    public var run: RunRecord?
    public var content: [UInt8]?
    /// `nil` when they cannot be read.
    public var tasks: [TaskRecord]?
    public var attempts: [AttemptRecord]?

    public init(
      run: RunRecord? = nil, content: [UInt8]? = nil, tasks: [TaskRecord]? = nil, attempts: [AttemptRecord]? = nil
    ) {
      self.run = run
      self.content = content
      self.tasks = tasks
      self.attempts = attempts
    }
  }

  /// The small tables.
  public struct Rest: Sendable {
    public var series: [String: Double] = [:]
    public var agents: [AgentRecord] = []
    public var submissions: [SubmissionRecord] = []
    public var meta: [String: String] = [:]
    public var limits: [LimitState] = []
    /// Those of which not everything could be read.
    public var incomplete: [String] = []

    public init() {}
  }

  /// `nil` when there is nothing to be read in `dataDirectory`.
  public init?(dataDirectory: String) {
    let path = dataDirectory + "/" + JournalFile.name
    var status = stat()
    // SQLite would remove the log of an empty file.
    guard stat(path, &status) == 0, status.st_size > 0,
      let connection = try? Connection(path: path, access: .reading)
    else { return nil }
    self.connection = connection
  }

  deinit { connection.close() }

  /// Every run that some row tells of.
  public func runs() -> Set<WorkflowID> {
    var found: Set<WorkflowID> = []
    func add(_ row: Row) { if let id = WorkflowID(minted: row.text(0)) { found.insert(id) } }
    scan("SELECT id FROM run ORDER BY id", "SELECT id FROM run ORDER BY id DESC", add)
    scan("SELECT run FROM content ORDER BY run", "SELECT run FROM content ORDER BY run DESC", add)
    return found
  }

  public func run(_ id: WorkflowID) -> Run {
    Run(
      run: ask { try $0.run(id) } ?? nil, content: ask { try $0.content(id) } ?? nil,
      tasks: ask { try $0.tasks(of: id) },
      attempts: ask { try $0.attempts(of: id) })
  }

  public func rest() -> Rest {
    var rest = Rest()
    func table(
      _ name: String, _ forward: StaticString, _ backward: StaticString, _ add: (Session, Row) throws -> Void
    ) {
      let whole = isWhole
      isWhole = true
      scan(forward, backward) { (session: Session, row: Row) in try add(session, row) }
      if !isWhole { rest.incomplete.append(name) }
      isWhole = isWhole && whole
    }
    table("series", "SELECT name, value FROM series ORDER BY name", "SELECT name, value FROM series ORDER BY name DESC")
    {
      rest.series[$1.text(0)] = $1[1] as Double? ?? 0
    }
    table("meta", "SELECT key, value FROM meta ORDER BY key", "SELECT key, value FROM meta ORDER BY key DESC") {
      rest.meta[$1.text(0)] = $1.text(1)
    }
    var agents: Set<String> = []
    table("agent", "SELECT id FROM agent ORDER BY id", "SELECT id FROM agent ORDER BY id DESC") {
      agents.insert($1.text(0))
    }
    rest.agents = ask { try $0.agents() }?.filter { agents.contains($0.id) } ?? []
    var submissions: Set<String> = []
    table("submission", "SELECT id FROM submission ORDER BY id", "SELECT id FROM submission ORDER BY id DESC") {
      submissions.insert($1.text(0))
    }
    rest.submissions = submissions.sorted().compactMap { id in ask { try $0.submission(id) } ?? nil }
    var places: Set<LimitPlace> = []
    table(
      "limit_state", "SELECT limiter, key FROM limit_state ORDER BY limiter, key",
      "SELECT limiter, key FROM limit_state ORDER BY limiter DESC, key DESC"
    ) { places.insert(LimitPlace(limiter: $1.text(0), key: $1.text(1))) }
    rest.limits = places.compactMap { place in
      guard let state = ask({ try $0.limitState(place.limiter, key: place.key) }) ?? nil else { return nil }
      return LimitState(limiter: place.limiter, key: place.key, stored: state)
    }
    if rest.limits.count < places.count { rest.incomplete.append("limit_state") }
    return rest
  }

  private func ask<T>(_ body: (Reading) throws -> T) -> T? {
    do { return try connection.transaction(.reading) { try body(Reading(session: $0)) } } catch {
      isWhole = false
      return nil
    }
  }

  private func scan(_ forward: StaticString, _ backward: StaticString, _ add: (Row) -> Void) {
    scan(forward, backward) { (_, row: Row) in add(row) }
  }

  /// Backwards only where forwards comes to an end too early.
  private func scan(_ forward: StaticString, _ backward: StaticString, _ add: (Session, Row) throws -> Void) {
    for sql in [forward, backward] {
      do {
        try connection.transaction(.reading) { session in _ = try session.rows(sql) { try add(session, $0) } }
        return
      } catch { isWhole = false }
    }
  }
}
