public import AstroCore
public import AstroMCP

/// A server of tools, with what it is to know.
public struct ToolServer: Sendable {
  public var settings: ServerSettings
  /// Read for each start: secrets may have changed since the last one.
  public var environment: @Sendable () throws(Failure) -> ToolEnvironment

  public init(
    _ settings: ServerSettings, environment: @escaping @Sendable () throws(Failure) -> ToolEnvironment = noEnvironment
  ) {
    self.settings = settings
    self.environment = environment
  }

  public static let noEnvironment: @Sendable () throws(Failure) -> ToolEnvironment = { () throws(Failure) in
    ToolEnvironment()
  }
}

/// What a tool finds in its environment beyond `PATH HOME LANG TZ` and what tells its attempt.
public struct ToolEnvironment: Sendable, Equatable {
  public var variables: [String: String]
  /// Values of those, or parts of them, that must not come back in what the tool says.
  public var secrets: [String]

  public init(_ variables: [String: String] = [:], secrets: [String] = []) {
    self.variables = variables
    self.secrets = secrets
  }
}
