public import AstroConfiguration
public import AstroCore
public import AstroJournal
import AstroTelemetry
import AstroWorkflow

/// A home at one moment: who works, what runs, what waits and why, what the limits have left. Reading only.
public struct HomeReport {
  public let time: Timestamp
  public let runners: [WorkingRunner]
  /// Runs that have not ended, oldest first.
  public let active: [ActiveRun]
  public let maxActive: Int
  /// At most ``SpoolQueue/examinedAtMost`` of them.
  public let waiting: [WaitingFile]
  public let waitingCount: Int
  public let limits: [RateLimitStatistics]
  /// The last ones, newest first.
  public let ended: [RunRecord]
  public let health: Health

  /// One run and how far it is.
  public struct ActiveRun: Sendable {
    public let run: RunRecord
    public let done: Int
    /// `nil` when its workflow cannot be read any more.
    public let total: Int?
    /// Tasks that run now.
    public let running: [String]
    /// Whether its owner is at work; else the next runner takes it over.
    public let isLookedAfter: Bool
  }

  /// What the health file says.
  public struct Health: Sendable {
    public let isHealthy: Bool
    /// `ready`, `degraded`, …; `nil` when there is no report.
    public let status: String?
    /// Why it is not to be trusted.
    public let message: String?
  }

  public static let endedShown = 5

  /// - Parameter reading: `nil` in a home where nothing ever ran.
  public init(
    _ home: Home, _ configuration: Configuration, _ reading: Reading?, bootID: String, at now: Moment
  ) throws(Failure) {
    time = now.wall
    runners = try WorkingRunner.all(dataDirectory: home.data)
    active = try reading.map { reading throws(Failure) in try Self.activeRuns(home, reading) } ?? []
    maxActive = configuration.system.maxActiveWorkflows
    let queue = try SpoolQueue(home, configuration, reading, bootID: bootID, at: now)
    (waiting, waitingCount) = try queue.files(
      .init(activeRuns: active.count, hasRunner: runners.hasTaker))
    limits = try LimitOverview(files: waiting, home, configuration, reading, bootID: bootID, at: now).rows
    let terminal = Set(RunState.allCases.filter(\.isTerminal))
    ended = try reading?.runs(states: terminal, limit: Self.endedShown) ?? []
    health = Self.health(home.health, hasRunner: !runners.isEmpty, at: now.wall)
  }

  private static func activeRuns(_ home: Home, _ reading: Reading) throws(Failure) -> [ActiveRun] {
    var runs: [ActiveRun] = []
    for run in try reading.active() {
      let counts = try reading.taskCounts(of: run.id)
      let plan = WorkflowParser.parse(try reading.content(run.id) ?? [], file: run.shownFile).plan
      runs.append(
        ActiveRun(
          run: run, done: counts.reduce(0) { $0 + ($1.key.isTerminal ? $1.value : 0) }, total: plan?.tasks.count,
          running: try reading.runningTasks(of: run.id),
          isLookedAfter: WorkingRunner.isAlive(run.owner, dataDirectory: home.data)))
    }
    return runs
  }

  /// A report outlives the runner that wrote it by two intervals at most, and without a runner it is not true before that.
  private static func health(_ path: String, hasRunner: Bool, at now: Timestamp) -> Health {
    let answer = HealthProbe(reading: path).answer(.summary, at: now)
    var words: [String: String] = [:]
    if case .map(let members)? = try? JSONReader.parse(answer.json) {
      for (name, value) in members { if case .string(let word) = value { words[name] = word } }
    }
    guard !hasRunner, let status = words["status"].flatMap(HealthReport.Status.init), status.needsRunner else {
      return Health(isHealthy: answer.exitCode == .ok, status: words["status"], message: words["message"])
    }
    let written = words["timestamp"].map { " of \($0)" } ?? ""
    return Health(
      isHealthy: false, status: HealthReport.Status.notReady.rawValue,
      message: "no runner is at work; the last report\(written) said \(status.rawValue)")
  }

  // MARK: JSON

  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("timestamp", time.rfc3339)
    write("runners", runners, to: &writer) { $0.write(to: &$1) }
    write("active", active, to: &writer, Self.write)
    writer.member("max_active_workflows", maxActive)
    writer.member("waiting_count", waitingCount)
    write("waiting", waiting, to: &writer) { $0.write(to: &$1) }
    write("limits", limits, to: &writer) { $0.write(to: &$1) }
    write("ended", ended, to: &writer) { $0.writeSummary(to: &$1) }
    writer.key("health")
    writer.beginObject()
    writer.member("overall_status", health.isHealthy ? "healthy" : "degraded")
    writer.member("status", ifPresent: health.status)
    writer.member("message", ifPresent: health.message)
    writer.endObject()
    writer.endObject()
  }

  private func write<Item>(
    _ name: String, _ items: [Item], to writer: inout JSONWriter, _ body: (Item, inout JSONWriter) -> Void
  ) {
    writer.key(name)
    writer.beginArray()
    for item in items { body(item, &writer) }
    writer.endArray()
  }

  private static func write(_ active: ActiveRun, to writer: inout JSONWriter) {
    writer.beginObject()
    active.run.writeMembers(to: &writer)
    writer.member("tasks_done", active.done)
    writer.member("tasks_total", ifPresent: active.total)
    writer.key("running")
    writer.beginArray()
    for task in active.running { writer.string(task) }
    writer.endArray()
    writer.member("looked_after", active.isLookedAfter)
    writer.endObject()
  }
}

extension HealthReport.Status {
  /// Whether it is only true while a runner is at work.
  fileprivate var needsRunner: Bool {
    switch self {
    case .starting, .ready, .degraded: true
    case .notReady, .idle, .stopping: false
    }
  }
}
