import AstroCore
import AstroYAML

/// The keys of an agent: those of all, and those of its type.
enum AgentKeys {
  private static let common: [StaticString] = ["id", "type", "capabilities", "max_concurrent", "limits"]

  /// - Parameter kind: `nil` where the type is not known: a key of any type is right then.
  static func set(for kind: AgentKind?) -> KeySet {
    guard let kind else { return KeySet(common + AgentKind.allCases.flatMap(own)) }
    let others = AgentKind.allCases.filter { $0 != kind }
    return KeySet(
      common + own(kind), elsewhere: others.map { (own($0), "agents of type \($0.rawValue)") })
  }

  private static func own(_ kind: AgentKind) -> [StaticString] {
    switch kind {
    case .command: ["preset", "command", "result", "model", "env", "max_turns", "max_cost_usd", "timeout"]
    case .code: ["sandbox"]
    case .llm:
      [
        "dialect", "base_url", "api_key", "model", "api_version", "headers", "fallbacks", "max_tokens_parameter",
        "timeouts", "ca_file", "proxy", "max_output_tokens", "retries", "tools",
      ]
    case .http: ["allow_hosts", "base_url", "headers", "ca_file", "timeouts", "max_bytes"]
    case .exec: ["command", "env", "protocol", "timeout"]
    case .mcp: ["server", "command", "env", "startup_timeout", "call_timeout"]
    }
  }

  static let server: KeySet = ["command", "env", "startup_timeout", "call_timeout"]
  static let source: KeySet = ["env", "file"]
  static let timeouts: KeySet = ["connect", "first_byte", "idle", "total"]
  static let sandbox: KeySet = [
    "engine", "image", "network", "memory", "pids", "cpus", "tmp_size", "open_files", "containers_conf",
  ]
}
