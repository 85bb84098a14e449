import AstroCore

extension AgentConfiguration {
  /// Whose calls it makes at which provider: what agents with one key at one server have in common. `nil` for agents that
  /// ask no provider.
  public var account: String? {
    guard case .llm(let settings) = settings else { return nil }
    switch settings.key {
    case .environment(let name)?: return "\(settings.baseURL) env \(name)"
    case .file(let path)?: return "\(settings.baseURL) file \(path)"
    case nil: return settings.baseURL
    }
  }

  /// Agents that are asked in its stead when its provider fails or its quota is used up.
  public var fallbacks: [String] { if case .llm(let settings) = settings { settings.fallbacks } else { [] } }
}
