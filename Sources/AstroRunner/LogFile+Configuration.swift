public import AstroConfiguration
public import AstroTelemetry

extension LogFile.Rotation {
  /// As the configuration has it; `nil` where nothing is to be rotated.
  public init?(_ configured: SystemConfiguration.LogRotation?) {
    guard let configured else { return nil }
    self.init(size: configured.size, keep: configured.keep)
  }
}
