import AstroCore

/// What a task asks an agent of type `mcp` for: its `with:`.
struct MCPTask: Sendable {
  /// One of `mcp_servers`; `nil` is the agent's own.
  var server: String?
  var tool: String
  /// A mapping.
  var arguments: JSONValue
  /// For the call; `nil` is the server's own.
  var timeout: Duration?

  static let keys = ["server", "tool", "arguments", "timeout"]

  /// - Parameter undecided: keys whose values are known only when the task runs: nothing is said about them.
  init(_ with: JSONValue, undecided: Set<String> = []) throws(Failure) {
    let members = try RequestMembers(with, keys: Self.keys, undecided: undecided)
    try members.require("tool")
    server = try members.text("server")
    tool = try members.text("tool") ?? ""
    arguments = members["arguments"] ?? .map([:])
    guard case .map = arguments else {
      throw members.failure("arguments", "is \(arguments.described), and not a mapping")
    }
    timeout = try members.duration("timeout")
  }
}
