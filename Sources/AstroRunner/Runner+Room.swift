import AstroConfiguration
import AstroCore
import AstroScheduling

/// What a runner may take on, and by which rules.
extension Runner {
  /// Says whether an attempt without an outcome is over: what an agent performs ends with its runner.
  static func overseer(_ configuration: Configuration, _ home: Home) -> (_ agent: String, _ launcher: String) -> Bool {
    let performers = Set(configuration.agents.filter(\.kind.isPerformer).map(\.id))
    return { agent, launcher in
      performers.contains(agent) && !WorkingRunner.isAlive(launcher, dataDirectory: home.data)
    }
  }

  static func policy(_ configuration: Configuration) -> Scheduler.Policy {
    let most = configuration.system.maxParallelTasks
    var policy = Scheduler.Policy(parallel: most > 0 ? most : Machine.processors)
    policy.budgets = Dictionary(
      configuration.budgets.map { ("budget:\($0.name)", $0.scope == .user) }, uniquingKeysWith: { first, _ in first })
    policy.scopes = Dictionary(
      configuration.limits.map { ($0.name, $0.scope) }, uniquingKeysWith: { first, _ in first })
    return policy
  }

  /// How many more runs may become active.
  var room: Int {
    let entering = pending.count { if case .admitted = $0 { true } else { false } }
    return max(0, configuration.system.maxActiveWorkflows - scheduler.activeRuns - entering)
  }

  /// Whether it was asked to stop, also where it then failed.
  public var stop: Stop { result.stop }

  /// Whether the scheduler has a run, or is about to.
  func isActive(_ run: WorkflowID) -> Bool {
    scheduler.isHeld(run) != nil
      || pending.contains { if case .admitted(let seed) = $0 { seed.id == run } else { false } }
  }

  /// Whether a run without an owner can be taken up now.
  var canAdopt: Bool { hasUnadopted && takesFiles && room > 0 }

  var takesFiles: Bool {
    options.mode != .single && stopping == .no
  }
}
