public import AstroCore

extension Configuration {
  /// A secret that the configuration says where to find.
  public struct SecretUse: Sendable, Equatable {
    /// What needs it: `agent 'writer': api_key`.
    public var user: String
    public var source: SecretPlan.Source

    public init(user: String, source: SecretPlan.Source) {
      self.user = user
      self.source = source
    }
  }

  /// All of them, each once.
  public var secretUses: [SecretUse] {
    let own = agents.flatMap { agent -> [SecretUse] in
      // One that has its server from `mcp_servers` shares its secrets.
      if case .mcp(let settings) = agent.settings, servers.values.contains(where: { $0 == settings.server }) {
        return []
      }
      return agent.secretUses
    }
    let shared = servers.sorted { $0.key < $1.key }
    return own + shared.flatMap { $0.value.environment.secretUses("server '\($0.key)': env") }
  }
}

extension AgentConfiguration {
  fileprivate var secretUses: [Configuration.SecretUse] {
    let place = "agent '\(id)':"
    switch settings {
    case .command(let settings): return settings?.environment.secretUses("\(place) env") ?? []
    case .code: return []
    case .llm(let settings):
      let key = settings.key.map { [Configuration.SecretUse(user: "\(place) api_key", source: $0)] } ?? []
      return key + settings.headers.secretUses("\(place) headers")
    case .http(let settings): return settings.headers.secretUses("\(place) headers")
    case .exec(let settings): return settings.environment.secretUses("\(place) env")
    case .mcp(let settings): return settings.server?.environment.secretUses("\(place) env") ?? []
    }
  }
}

extension [NamedValue] {
  fileprivate func secretUses(_ place: String) -> [Configuration.SecretUse] {
    compactMap { value in
      guard case .secret(let source) = value.value else { return nil }
      return Configuration.SecretUse(user: "\(place).\(value.name)", source: source)
    }
  }
}
