/// How a server of the Model Context Protocol is started, and how long it may take.
public struct MCPServerSettings: Sendable, Equatable {
  /// The program and its arguments.
  public var command: [String]
  public var environment: [NamedValue] = []
  /// From its start to its first answer.
  public var startupTimeout = Duration.seconds(30)
  /// For one call of a tool.
  public var callTimeout = Duration.seconds(60)

  public init(command: [String]) { self.command = command }
}

/// An agent of type mcp: one call of a tool, without a model.
public struct MCPSettings: Sendable, Equatable {
  /// `nil`: each task names one of `mcp_servers`.
  public var server: MCPServerSettings?

  public init(server: MCPServerSettings? = nil) { self.server = server }
}
