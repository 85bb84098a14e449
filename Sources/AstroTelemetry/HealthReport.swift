public import AstroCore

/// The status file `data/health.json`: what a probe, a cron job or a person may know about the runner without asking it.
public struct HealthReport: Sendable, Equatable {
  public enum Status: String, Sendable, CaseIterable {
    case starting, ready, degraded
    case notReady = "not_ready"
    case idle, stopping
  }

  /// Where the runner is in its life.
  public enum Phase: String, Sendable, CaseIterable {
    case starting, running
    /// Nothing is left to do and nobody is there: what a drain leaves behind.
    case idle
    case stopping
  }

  public enum Mode: String, Sendable, CaseIterable { case watch, drain }

  /// How the run that ended last went.
  public struct LastRun: Sendable, Equatable {
    public var workflow: WorkflowID
    public var state: RunState
    public var finishedAt: Timestamp

    public init(workflow: WorkflowID, state: RunState, finishedAt: Timestamp) {
      self.workflow = workflow
      self.state = state
      self.finishedAt = finishedAt
    }
  }

  public var mode: Mode
  public var phase: Phase
  public var checks: HealthChecks
  public var agentCount: Int
  public var uptime: Duration
  public var timestamp: Timestamp
  /// A reader that finds the file unchanged after this moment may take the runner for dead.
  public var nextUpdateBy: Timestamp
  public var processID: Int32
  public var version: String
  /// `nil` before the first one.
  public var lastRun: LastRun?

  public init(
    mode: Mode, phase: Phase, checks: HealthChecks, agentCount: Int, uptime: Duration, timestamp: Timestamp,
    nextUpdateBy: Timestamp, processID: Int32, version: String, lastRun: LastRun? = nil
  ) {
    self.mode = mode
    self.phase = phase
    self.checks = checks
    self.agentCount = agentCount
    self.uptime = uptime
    self.timestamp = timestamp
    self.nextUpdateBy = nextUpdateBy
    self.processID = processID
    self.version = version
    self.lastRun = lastRun
  }

  /// The word for the whole: the phase while it is not running, else what the worst check says.
  public var status: Status {
    switch (phase, checks.worst) {
    case (.starting, _): .starting
    case (.stopping, _): .stopping
    case (.idle, _): .idle
    case (.running, .healthy): .ready
    case (.running, .degraded): .degraded
    case (.running, .unhealthy): .notReady
    }
  }

  /// Whether work that arrives now would be done: by this runner, or after `idle` by the next drain.
  public var isReady: Bool {
    switch phase {
    case .running, .idle: checks.worst != .unhealthy
    case .starting, .stopping: false
    }
  }

  /// The file's bytes, one member a line so that `cat` is readable, newline included.
  public func json() -> [UInt8] {
    let seconds = JSONValue.number(uptime.seconds)
    let now = JSONValue.string(timestamp.rfc3339)
    var members: [(String, [UInt8])] = [
      ("status", Self.text(status.rawValue)),
      ("mode", Self.text(mode.rawValue)),
      ("live", Self.object([("status", .string("alive")), ("uptime_seconds", seconds), ("timestamp", now)])),
      ("startup", Self.object(startup)),
      ("ready", Self.object([("status", .string(isReady ? "ready" : "not_ready"))])),
    ]
    members.append(("checks", checksJSON()))
    members += [
      ("uptime_seconds", Self.bytes(seconds)), ("timestamp", Self.bytes(now)),
      ("next_update_by", Self.text(nextUpdateBy.rfc3339)), ("pid", Self.bytes(.integer(Int64(processID)))),
      ("version", Self.text(version)), ("last_run", lastRunJSON()),
    ]
    return Self.lines(members, indent: "") + [0x0A]
  }

  private var startup: [(String, JSONValue)] {
    [
      ("status", .string(phase == .starting ? "starting" : "started")), ("agent_count", .integer(Int64(agentCount))),
    ]
  }

  private func checksJSON() -> [UInt8] {
    let members = checks.named.map { name, check in
      var writer = JSONWriter()
      check.write(to: &writer)
      return (name, writer.bytes)
    }
    return Self.lines(members, indent: "  ")
  }

  private func lastRunJSON() -> [UInt8] {
    guard let lastRun else { return Self.bytes(.null) }
    return Self.object([
      ("workflow_id", .string(lastRun.workflow.text)), ("status", .string(lastRun.state.rawValue)),
      ("finished_at", .string(lastRun.finishedAt.rfc3339)),
    ])
  }

  private static func text(_ text: String) -> [UInt8] { bytes(.string(text)) }

  private static func bytes(_ value: JSONValue) -> [UInt8] {
    var writer = JSONWriter()
    writer.value(value)
    return writer.bytes
  }

  private static func object(_ members: [(String, JSONValue)]) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    for (name, value) in members { writer.member(name, value) }
    writer.endObject()
    return writer.bytes
  }

  /// An object with one member a line.
  private static func lines(_ members: [(String, [UInt8])], indent: String) -> [UInt8] {
    let body = members.map { name, value in Array("\(indent)  \"\(name)\": ".utf8) + value }
    return Array("{\n".utf8) + Array(body.joined(separator: Array(",\n".utf8))) + Array("\n\(indent)}".utf8)
  }
}
