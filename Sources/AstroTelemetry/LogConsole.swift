import AstroCore
import Glibc
import Logging

/// The lines that go to stderr while a command runs.
public struct LogConsole: Sendable, Equatable {
  public enum Style: Sendable, Equatable {
    /// `[LEVEL] HH:MM:SS.mmm logger:line [req:…] [agent=…, task=…, duration=…ms] message`, in local time.
    case people
    /// The same with the level coloured.
    case colouredPeople
    /// The lines of the log file.
    case json
  }

  public var style: Style
  /// Where the lines go; not closed.
  var descriptor: Int32 = STDERR_FILENO

  public init(_ style: Style) { self.style = style }

  /// The style for this invocation: JSON when asked for, else for people, with colour only on a terminal and only when
  /// `NO_COLOR` is unset or empty (no-color.org) and `TERM` is not `dumb`.
  public static func fitting(json: Bool, environment: [String: String]) -> LogConsole {
    if json { return LogConsole(.json) }
    let wantsNone = environment["NO_COLOR"].map { !$0.isEmpty } ?? false
    let coloured = !wantsNone && environment["TERM"] != "dumb" && isatty(STDERR_FILENO) == 1
    return LogConsole(coloured ? .colouredPeople : .people)
  }

  /// One write; a console that is gone or full loses the line and nothing else.
  func write(_ line: UnsafeRawBufferPointer) { _ = writeFully(descriptor, line) }
}

extension LineBuffer {
  /// One line for people and a newline. Everything that came from outside is made printable.
  func appendPeople(_ record: LogRecord, coloured: Bool) {
    appendLevel(record.event.level, coloured: coloured)
    let (second, millisecond) = record.time.secondAndMillisecond
    self.second.setLocal(second)
    append(" ")
    append(self.second.local)
    append(milliseconds: millisecond)
    append(" ")
    append(Terminal.printable("\(record.source.label):\(record.event.line)"))
    let request = record.metadata["request_id"].map { "\($0)" } ?? LogContext.current.requestID ?? record.requestID
    append(Terminal.printable(" [req:\(request.hasPrefix("req-") ? String(request.dropFirst(4)) : request)]"))
    appendWork(record.metadata)
    append(" ")
    append(Terminal.printable(record.event.message.description))
    // Without its reason an error line would send people to the log file.
    if let reason = record.metadata["error"].map({ "\($0)" }) ?? record.event.error.map({ "\($0)" }) {
      append(Terminal.printable(": \(reason)"))
    }
    append("\n")
  }

  private func appendWork(_ metadata: LogMetadata) {
    var parts: [String] = []
    if let agent = metadata["agent_id"] { parts.append("agent=\(agent)") }
    if let task = metadata["task_id"] { parts.append("task=\(task)") }
    if let duration = metadata["duration_ms"] { parts.append("duration=\(duration)ms") }
    for (word, key) in Self.subjects { if let value = metadata[key] { parts.append("\(word)=\(value)") } }
    if !parts.isEmpty { append(Terminal.printable(" [\(parts.joined(separator: ", "))]")) }
  }

  /// What else a message may be about: without it a line in cron's mail would name nothing.
  private static let subjects = [
    ("run", "workflow_id"), ("file", "file"), ("limit", "limiter"), ("user", "user_id"), ("setting", "key"),
  ]

  private func appendLevel(_ level: Logger.Level, coloured: Bool) {
    if coloured { append(Self.colour(of: level)) }
    append("[")
    append(level.word)
    append("]")
    if coloured { append("\u{1B}[0m") }
  }

  /// Select Graphic Rendition sequences (ECMA-48 8.3.117).
  private static func colour(of level: Logger.Level) -> StaticString {
    switch level {
    case .trace, .debug: "\u{1B}[36m"
    case .info, .notice: "\u{1B}[32m"
    case .warning: "\u{1B}[33m"
    case .error: "\u{1B}[31m"
    case .critical: "\u{1B}[1;31m"
    }
  }
}
