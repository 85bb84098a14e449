/// Where servers of one dialect differ: what is set for the agent, else presumed, and changed once a server has refused it.
public struct Adaptation: Sendable, Hashable {
  /// What Chat Completions call the most tokens of an answer.
  public enum TokenParameter: String, Sendable, CaseIterable {
    case current = "max_completion_tokens"
    case old = "max_tokens"
  }

  public enum SchemaForm: Sendable, Hashable {
    /// In the dialect's own field, which binds the model.
    case native
    /// In words at the end of the system prompt.
    case words
  }

  public var tokenParameter: TokenParameter
  public var schemaForm: SchemaForm
  /// Whether usage is asked for; servers that do not know the field may refuse it.
  public var asksForUsage = true
  /// What has been changed already: each is changed once.
  private var changed: Set<String> = []

  public init(dialect: Dialect, baseURL: String, version: AnthropicVersion) {
    tokenParameter = Self.host(of: baseURL) == "api.openai.com" ? .current : .old
    schemaForm = dialect == .anthropicMessages && version == .first ? .words : .native
  }

  public init(tokenParameter: TokenParameter, schemaForm: SchemaForm = .native) {
    self.tokenParameter = tokenParameter
    self.schemaForm = schemaForm
  }

  /// Changes what a server refused with 400, naming `parameter`; `false` when there is nothing to change, or it has been
  /// changed before.
  public mutating func avoid(_ parameter: String) -> Bool {
    let subject = parameter.prefix { $0 != "." }
    switch subject {
    case "max_tokens", "max_completion_tokens":
      guard subject == tokenParameter.rawValue, changed.insert("tokens").inserted else { return false }
      tokenParameter = tokenParameter == .old ? .current : .old
    case "response_format", "text", "output_config", "json_schema":
      guard schemaForm == .native, changed.insert("schema").inserted else { return false }
      schemaForm = .words
    case "stream_options":
      guard changed.insert("usage").inserted else { return false }
      asksForUsage = false
    default: return false
    }
    return true
  }

  /// The host of a URL in lower case; empty when it has none.
  static func host(of url: String) -> String {
    let parts = url.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, parts[1].isEmpty else { return "" }
    let authority = parts[2].prefix { !"/?#".contains($0) }
    let host = authority.split(separator: "@").last ?? ""
    return (host.split(separator: ":").first ?? "").lowercased()
  }
}
