public import AstroProcess

/// A server, as it is configured.
public struct ServerSettings: Sendable, Hashable {
  /// As messages and tools name it.
  public var name: String
  /// The program and its arguments.
  public var command: [String]
  /// From its start to its first answer.
  public var startupTimeout: Duration
  /// For one call of a tool.
  public var callTimeout: Duration

  public init(
    name: String, command: [String], startupTimeout: Duration = .seconds(30), callTimeout: Duration = .seconds(60)
  ) {
    self.name = name
    self.command = command
    self.startupTimeout = startupTimeout
    self.callTimeout = callTimeout
  }
}

/// A server ready to be started: made anew for each start, so that secrets are read when they are needed.
public struct ServerProgram: Sendable {
  public var program: KeptProgram
  /// What it is given and must not come back: masked in all that it says.
  public var secrets: [String]

  public init(_ program: KeptProgram, secrets: [String] = []) {
    self.program = program
    self.secrets = secrets
  }
}
