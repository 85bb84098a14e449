public import Logging

/// Where the lines of one invocation go, and from which level on.
public struct LogSettings: Sendable {
  /// The log file; `nil` writes none. Its directory must exist.
  public var file: String?
  /// When the file is renamed away; `nil` is never.
  public var rotation: LogFile.Rotation?
  /// The least level that is recorded in the file.
  public var level: Logger.Level
  /// The console; `nil` keeps it silent, for verbs that show live progress themselves.
  public var console: LogConsole?
  /// The least level that is shown on the console.
  public var consoleLevel: Logger.Level
  /// `production` or `development`: the `environment` field.
  public var environment: String
  /// The invocation's identifier; see ``LogContext/mintRequestID(using:)``.
  public var requestID: String

  /// - Parameters:
  ///   - consoleLevel: `level` when nil.
  ///   - requestID: minted when nil.
  public init(
    file: String?, rotation: LogFile.Rotation? = nil, level: Logger.Level = .info, console: LogConsole? = nil,
    consoleLevel: Logger.Level? = nil,
    environment: String = "development", requestID: String? = nil
  ) {
    self.file = file
    self.rotation = rotation
    self.level = level
    self.console = console
    self.consoleLevel = consoleLevel ?? level
    self.environment = environment
    var random = SystemRandomNumberGenerator()
    self.requestID = requestID ?? LogContext.mintRequestID(using: &random)
  }
}
