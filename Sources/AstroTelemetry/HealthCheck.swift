public import AstroCore

/// What one look at one part of the system found.
public struct HealthCheck: Sendable, Equatable {
  public enum Status: String, Sendable, CaseIterable {
    case healthy, degraded, unhealthy
  }

  public var status: Status
  /// One sentence.
  public var message: String
  /// When it was looked at.
  public var timestamp: Timestamp
  /// How long the look took.
  public var responseTime: Duration
  public var details: [String: JSONValue]

  public init(
    _ status: Status, _ message: String, at timestamp: Timestamp, responseTime: Duration = .zero,
    details: [String: JSONValue] = [:]
  ) {
    self.status = status
    self.message = message
    self.timestamp = timestamp
    self.responseTime = responseTime
    self.details = details
  }

  /// A part that nothing depends on, such as the sandbox engine where no `code` agent is configured.
  public static func notNeeded(_ message: String, at timestamp: Timestamp) -> HealthCheck {
    HealthCheck(.healthy, message, at: timestamp)
  }

  /// The slowest answer of a healthy journal.
  public static let slowDatabase = Duration.milliseconds(100)

  /// The journal: unhealthy when it did not answer, degraded when it took more than 100 ms.
  /// - Parameter failure: why it did not answer; nil when it did.
  public static func database(
    responseTime: Duration, failure: Failure? = nil, at timestamp: Timestamp, details: [String: JSONValue] = [:]
  ) -> HealthCheck {
    let (status, message): (Status, String) =
      if let failure { (.unhealthy, failure.description) } else if responseTime > slowDatabase {
        (.degraded, "The journal answers slowly")
      } else { (.healthy, "The journal answers") }
    return HealthCheck(status, message, at: timestamp, responseTime: responseTime, details: details)
  }

  /// The agents: unhealthy when none is healthy, degraded when under half are. Idle and active ones are healthy;
  /// disabled ones do not count, since somebody chose that.
  public static func agents(
    _ statuses: [String: AgentStatus], activeTasks: Int, at timestamp: Timestamp, responseTime: Duration = .zero
  ) -> HealthCheck {
    let enabled = statuses.values.filter { $0 != .disabled }.count
    let healthy = statuses.values.filter(\.isHealthy).count
    let status: Status = healthy == 0 ? .unhealthy : healthy * 2 < enabled ? .degraded : .healthy
    return HealthCheck(
      status, "\(healthy) of \(enabled) agents are healthy", at: timestamp, responseTime: responseTime,
      details: [
        "total_agents": .integer(Int64(statuses.count)), "healthy_agents": .integer(Int64(healthy)),
        "agent_statuses": .map(statuses.mapValues { .string($0.rawValue) }),
        "active_tasks": .integer(Int64(activeTasks)),
      ])
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("status", status.rawValue)
    writer.member("message", message)
    writer.member("timestamp", timestamp.rfc3339)
    writer.member("response_time_ms", responseTime.milliseconds)
    writer.member("details", .map(details))
    writer.endObject()
  }
}

/// The states of an agent.
public enum AgentStatus: String, Sendable, CaseIterable {
  case idle, active, unhealthy, disabled

  public var isHealthy: Bool {
    switch self {
    case .idle, .active: true
    case .unhealthy, .disabled: false
    }
  }
}

/// The five looks of one round.
public struct HealthChecks: Sendable, Equatable {
  public var database: HealthCheck
  public var agents: HealthCheck
  /// The sandbox engine; ``HealthCheck/notNeeded(_:at:)`` unless a `code` agent needs it.
  public var docker: HealthCheck
  public var spool: HealthCheck
  public var disk: HealthCheck

  public init(
    database: HealthCheck, agents: HealthCheck, docker: HealthCheck, spool: HealthCheck, disk: HealthCheck
  ) {
    self.database = database
    self.agents = agents
    self.docker = docker
    self.spool = spool
    self.disk = disk
  }

  /// In the order they are written.
  var named: [(name: String, check: HealthCheck)] {
    [("database", database), ("agents", agents), ("docker", docker), ("spool", spool), ("disk", disk)]
  }

  /// What the checks that are not healthy say.
  public var complaints: [String] { named.filter { $0.check.status != .healthy }.map(\.check.message) }

  /// The worst of the five.
  public var worst: HealthCheck.Status {
    let statuses = named.map(\.check.status)
    return statuses.contains(.unhealthy) ? .unhealthy : statuses.contains(.degraded) ? .degraded : .healthy
  }
}
