public import AstroCore
import Glibc
public import Logging
import Synchronization

/// Where the lines of all loggers of this process end up. Opened once; keeps what may change while it runs.
public final class LogOutput: Sendable {
  /// The invocation's identifier, on every line whose context names no other.
  public let requestID: String
  private let file: LogFile?
  private let console: LogConsole?
  private let environment: String
  private let now: @Sendable () -> Timestamp
  private let fileRank: Atomic<Int>
  private let consoleRank: Atomic<Int>

  /// - Throws: `cannotCreate` when the log file cannot be opened.
  public convenience init(_ settings: LogSettings) throws(Failure) {
    try self.init(settings, now: { .current })
  }

  init(_ settings: LogSettings, now: @escaping @Sendable () -> Timestamp) throws(Failure) {
    requestID = settings.requestID
    environment = settings.environment
    console = settings.console
    self.now = now
    fileRank = Atomic(settings.file == nil ? .max : settings.level.rank)
    consoleRank = Atomic(settings.console == nil ? .max : settings.consoleLevel.rank)
    let source = LogSource(label: "astro.log", process: getpid(), environment: settings.environment)
    let requestID = settings.requestID
    file =
      if let path = settings.file {
        try LogFile(path: path, rotation: settings.rotation) { Self.noticeLine(dropped: $0, source, requestID, now()) }
      } else { nil }
  }

  /// Opens the log file anew (SIGHUP). The old one stays in use when that fails.
  public func reopen() throws(Failure) { try file?.reopen() }

  /// Changes when the log file is renamed away (a reloaded configuration).
  public func setRotation(_ rotation: LogFile.Rotation?) { file?.setRotation(rotation) }

  /// Changes the least level recorded in the file, for loggers made before and after (a reloaded configuration).
  public func setLevel(_ level: Logger.Level) {
    if file != nil { fileRank.store(level.rank, ordering: .relaxed) }
  }

  /// The least level anybody listens to.
  var level: Logger.Level {
    Logger.Level(rank: min(fileRank.load(ordering: .relaxed), consoleRank.load(ordering: .relaxed)))
  }

  /// A handler for the logger `label`; what `LoggingSystem.bootstrap` and `Logger(label:factory:)` take.
  public func handler(label: String) -> AstroLogHandler {
    AstroLogHandler(
      output: self, source: LogSource(label: label, process: getpid(), environment: environment))
  }

  /// Renders and writes one event.
  func write(_ event: LogEvent, _ source: LogSource, _ metadata: LogMetadata) {
    let toFile = event.level.rank >= fileRank.load(ordering: .relaxed) ? file : nil
    let toConsole = event.level.rank >= consoleRank.load(ordering: .relaxed) ? console : nil
    guard toFile != nil || toConsole != nil else { return }
    let record = LogRecord(event: event, time: now(), source: source, metadata: metadata, requestID: requestID)
    LineBuffer.withCurrent { buffer in
      if toFile != nil || toConsole?.style == .json { buffer.appendJSON(record) }
      toFile?.append(buffer.bytes, second: record.time.secondAndMillisecond.0)
      if let toConsole { show(record, buffer, on: toConsole) }
    }
  }

  private func show(_ record: LogRecord, _ buffer: LineBuffer, on console: LogConsole) {
    switch console.style {
    case .json: break
    case .people, .colouredPeople:
      buffer.removeAll()
      buffer.appendPeople(record, coloured: console.style == .colouredPeople)
    }
    console.write(buffer.bytes)
  }

  /// The line that says how many were lost; it is built apart because the thread's buffer is lent out at that moment.
  private static func noticeLine(
    dropped: Int, _ source: LogSource, _ requestID: String, _ time: Timestamp
  ) -> [UInt8] {
    let buffer = LineBuffer()
    let event = LogEvent(
      level: .warning, message: "Log lines were dropped", error: nil, metadata: nil, source: nil, file: #fileID,
      function: #function, line: #line)
    let metadata = LogMetadata(call: ["dropped_lines": .stringConvertible(dropped)], provided: nil, own: [:])
    buffer.appendJSON(LogRecord(event: event, time: time, source: source, metadata: metadata, requestID: requestID))
    return Array(buffer.bytes)
  }
}

extension Logger.Level {
  /// Its place in the order of severity.
  fileprivate var rank: Int {
    switch self {
    case .trace: 0
    case .debug: 1
    case .info: 2
    case .notice: 3
    case .warning: 4
    case .error: 5
    case .critical: 6
    }
  }

  /// The level of that place; the highest where nobody listens at all.
  fileprivate init(rank: Int) {
    switch rank {
    case ...0: self = .trace
    case 1: self = .debug
    case 2: self = .info
    case 3: self = .notice
    case 4: self = .warning
    case 5: self = .error
    default: self = .critical
    }
  }
}

/// The process-wide set-up of swift-log.
public enum AstroLog {
  /// Opens the outputs and makes every `Logger` of the process write to them; once per process, before the first
  /// logger is used.
  /// - Returns: the outputs, to reopen them on SIGHUP or to change the level.
  /// - Throws: `cannotCreate` when the log file cannot be opened.
  public static func bootstrap(_ settings: LogSettings) throws(Failure) -> LogOutput {
    let output = try LogOutput(settings)
    LoggingSystem.bootstrap { output.handler(label: $0) }
    return output
  }
}
