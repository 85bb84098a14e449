public import Logging

/// swift-log's side of ``LogOutput``: one value per logger.
public struct AstroLogHandler: LogHandler {
  public var metadata: Logger.Metadata = [:]
  public var metadataProvider: Logger.MetadataProvider?
  /// Set on this logger alone; without it the output's level rules, even when that changes later.
  private var ownLevel: Logger.Level?
  private let output: LogOutput
  private let source: LogSource

  init(output: LogOutput, source: LogSource) {
    self.output = output
    self.source = source
  }

  public var logLevel: Logger.Level {
    get { ownLevel ?? output.level }
    set { ownLevel = newValue }
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    let metadata = LogMetadata(call: event.metadata, provided: metadataProvider?.get(), own: metadata)
    output.write(event, source, metadata)
  }
}
