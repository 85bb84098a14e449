import AstroConfiguration
import AstroCore

/// What of the configuration decides what attempts of an agent come to, for the keys of the cache. Of a secret it has the
/// place and never the value; of what bounds an attempt, and makes it succeed or fail but not come to something else, it has
/// nothing: timeouts, retries, memory, prices.
struct AgentIdentity {
  let configuration: Configuration

  /// - Parameter servers: names in `mcp_servers` that the task makes use of.
  func members(of agent: AgentConfiguration, servers: [String]) -> JSONValue {
    let used = Set(servers).sorted().compactMap { name in configuration.servers[name].map { (name, members($0)) } }
    return .map([
      "agent": settings(agent.settings), "servers": .map(Dictionary(uniqueKeysWithValues: used)),
    ])
  }

  /// The names of those in `mcp_servers` that a task makes use of: of an llm task by its tools, of an mcp task by itself.
  static func servers(of work: JSONValue, _ agent: AgentConfiguration) -> [String] {
    var tools: [String] = []
    if case .llm(let settings) = agent.settings { tools += settings.tools }
    guard case .map(let members) = work else { return [] }
    if case .list(let names)? = members["tools"] { tools += names.map(\.text) }
    var servers = tools.map { String($0.prefix { $0 != "." }) }
    if let server = members["server"] { servers.append(server.text) }
    return servers
  }

  private func settings(_ settings: AgentSettings) -> JSONValue {
    switch settings {
    case .llm(let llm):
      var all = members(llm)
      // Any of them may be who answers.
      all["fallbacks"] = .list(
        llm.fallbacks.compactMap { name in
          guard case .llm(let other)? = configuration.agents.first(where: { $0.id == name })?.settings else {
            return nil
          }
          return .map(members(other))
        })
      return .map(all)
    case .http(let http):
      return .map(["base_url": http.baseURL.map { .string($0) } ?? .null, "headers": values(http.headers)])
    case .command(let command): return command.map(members) ?? .null
    case .code(let sandbox):
      return .map([
        "engine": .string(sandbox.engine.rawValue), "image": .string(sandbox.image),
        "network": .string(sandbox.network.rawValue),
      ])
    case .exec(let exec):
      return .map([
        "command": .list(exec.command.map { .string($0) }), "env": values(exec.environment),
        "protocol": .integer(Int64(exec.protocolVersion)),
      ])
    case .mcp(let mcp): return mcp.server.map(members) ?? .null
    }
  }

  private func members(_ llm: LLMSettings) -> [String: JSONValue] {
    [
      "dialect": .string(llm.dialect.rawValue), "base_url": .string(llm.baseURL),
      "model": llm.model.map { .string($0) } ?? .null, "api_version": .string(llm.apiVersion.rawValue),
      "headers": values(llm.headers), "max_output_tokens": .integer(Int64(llm.maxOutputTokens)),
      "tools": .list(llm.tools.map { .string($0) }),
    ]
  }

  private func members(_ command: CommandSettings) -> JSONValue {
    .map([
      "program": .string("\(command.program)"), "env": values(command.environment),
      "model": command.model.map { .string($0) } ?? .null,
      "max_turns": command.maxTurns.map { .integer(Int64($0)) } ?? .null,
      "max_cost": command.maxCost.map { .integer($0.picodollars) } ?? .null,
    ])
  }

  private func members(_ server: MCPServerSettings) -> JSONValue {
    .map(["command": .list(server.command.map { .string($0) }), "env": values(server.environment)])
  }

  private func values(_ values: [NamedValue]) -> JSONValue {
    .list(
      values.map { value in
        switch value.value {
        case .plain(let text): .map(["name": .string(value.name), "value": .string(text)])
        case .secret(let source): .map(["name": .string(value.name), "from": .string("\(source)")])
        }
      })
  }
}
