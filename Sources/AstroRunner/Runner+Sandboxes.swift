import AstroAgents
import AstroCore
import AstroSandbox
import AstroTelemetry

/// Agents of type code depend on something that may be missing: a watcher asks after it before a task has to find out.
extension Runner {
  /// An engine that works goes on working, and asking takes it up to half a second of a processor's time. One that does not is asked
  /// by the scheduler's own rule.
  private static let lookInterval = Duration.seconds(300)

  var codeAgents: [(id: String, agent: CodeAgent)] {
    agent.programs.compactMap { id, program in (program as? CodeAgent).map { (id, $0) } }.sorted { $0.id < $1.id }
  }

  /// Looks at the engines when it is time. A pass is over too soon for that: there each attempt finds out by itself.
  func lookAtEngines() {
    let now = clock.now().boot
    guard options.mode == .watch, now >= nextEngineLook else { return }
    nextEngineLook = now + Self.lookInterval.microseconds
    for (id, _) in codeAgents { probe(id) }
  }

  func takePrograms() {
    agent.programs = configuration.programs(
      home: home, environment: options.environment, executable: options.executable, clock: clock)
    nextEngineLook = 0
  }
}

extension HealthCheck {
  /// The sandbox engines of the agents that need one: unhealthy when none of those has any, degraded when some have none.
  static func engines(_ agents: [(id: String, report: CodeAgent.EngineReport?)], at now: Timestamp) -> HealthCheck {
    guard !agents.isEmpty else { return .notNeeded("No agent needs a sandbox engine", at: now) }
    let seen = agents.compactMap(\.report)
    guard let latest = seen.map(\.timestamp).max() else {
      return .notNeeded("The sandbox engine has not been asked yet", at: now)
    }
    let problems = seen.compactMap(\.problem)
    let status: Status = problems.isEmpty ? .healthy : problems.count == agents.count ? .unhealthy : .degraded
    let engines = Set(seen.compactMap { $0.engine?.rawValue }).sorted()
    var details: [String: JSONValue] = ["engines": .list(engines.map(JSONValue.string))]
    details["agents"] = .map(
      Dictionary(
        uniqueKeysWithValues: agents.map { ($0.id, .string($0.report?.problem ?? $0.report?.engine?.rawValue ?? "")) }))
    return HealthCheck(
      status, problems.first ?? "The sandbox engine works", at: latest,
      responseTime: seen.map(\.duration).max() ?? .zero, details: details)
  }
}
