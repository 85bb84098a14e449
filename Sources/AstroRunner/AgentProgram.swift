import AstroAgents
public import AstroConfiguration

/// A program that an agent starts, or a server of tools is.
public struct AgentProgram: Sendable {
  /// Whose it is: `agent 'coder'`, `server 'time'`.
  public var user: String
  /// As it is configured: looked up in the `PATH` it is started with, unless it is a path.
  public var name: String
  /// What it is given besides the runner's own.
  public var environment: [NamedValue]
}

extension Configuration {
  /// In the order of the agents, then the servers. Programs that a task decides are left out.
  public var agentPrograms: [AgentProgram] {
    var programs: [AgentProgram] = []
    for agent in agents {
      let user = "agent '\(agent.id)'"
      switch agent.settings {
      case .command(let settings?):
        guard let name = CommandLineProgram(settings.program).executable else { continue }
        programs.append(AgentProgram(user: user, name: name, environment: settings.environment))
      case .exec(let settings):
        programs.append(AgentProgram(user: user, name: settings.command[0], environment: settings.environment))
      case .mcp(let settings):
        guard let server = settings.server, !servers.values.contains(server) else { continue }
        programs.append(AgentProgram(user: user, name: server.command[0], environment: server.environment))
      case .command(nil), .code, .llm, .http: continue
      }
    }
    return programs
      + servers.sorted { $0.key < $1.key }.map { name, server in
        AgentProgram(user: "server '\(name)'", name: server.command[0], environment: server.environment)
      }
  }
}
