/// The types of agents, as `type:` names them.
public enum AgentKind: String, Sendable, CaseIterable {
  /// Local processes; coding CLIs are presets of it.
  case command
  /// Code in a sandbox.
  case code
  /// A language model.
  case llm
  /// One HTTP request.
  case http
  /// Any program that reads one JSON request and writes one JSON result.
  case exec
  /// One call of a tool on an MCP server.
  case mcp
}
