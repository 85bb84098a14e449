import AstroCore
import Logging

/// What one line is made of, gathered once for the file and the console.
struct LogRecord {
  let event: LogEvent
  let time: Timestamp
  let source: LogSource
  let metadata: LogMetadata
  /// The invocation's identifier, for lines whose context names no other.
  let requestID: String
}

/// The metadata of one line, unmerged: a line is written faster than three dictionaries are merged into one.
/// Call site before provider before logger: the nearest to the event wins.
struct LogMetadata {
  let call: Logger.Metadata?
  let provided: Logger.Metadata?
  let own: Logger.Metadata

  subscript(key: String) -> Logger.MetadataValue? { call?[key] ?? provided?[key] ?? own[key] }
}

/// The parts of a line that stay the same for all lines of one logger, rendered once.
struct LogSource: Sendable {
  let label: String
  /// `,"logger":"<label>","message":`
  let head: [UInt8]
  /// `,"process":<pid>,"environment":"<environment>"`
  let tail: [UInt8]

  init(label: String, process: Int32, environment: String) {
    self.label = label
    var name = JSONWriter()
    name.string(label)
    head = Array("\",\"logger\":".utf8) + name.bytes + Array(",\"message\":".utf8)
    var word = JSONWriter()
    word.string(environment)
    tail = Array(",\"process\":\(process),\"environment\":".utf8) + word.bytes
  }
}
