import AstroCore
import Logging

extension LineBuffer {
  /// One JSON object and a newline, its fields in the order of ``FieldSlot``.
  func appendJSON(_ record: LogRecord) {
    let event = record.event
    appendTime(record.time)
    append(event.level.word)
    append(record.source.head)
    append(quoting: event.message.description)
    append(",\"module\":")
    append(quoting: event.source)
    append(",\"function\":")
    append(quoting: event.function)
    append(",\"line\":")
    append(decimal: event.line)
    append(",\"thread\":")
    append(threadDigits)
    append(record.source.tail)
    appendFields(record)
    if let error = event.error { appendException(error, event) }
    append("}\n")
  }

  private func appendTime(_ time: Timestamp) {
    let (second, millisecond) = time.secondAndMillisecond
    self.second.setUTC(second)
    append("{\"timestamp\":\"")
    append(self.second.utc)
    append(milliseconds: millisecond)
    append("Z\",\"level\":\"")
  }

  /// Renders the fields in the order they come, behind the line, then moves them into theirs: sorting small ranges is
  /// several times cheaper than sorting values that own memory.
  private func appendFields(_ record: LogRecord) {
    let metadata = record.metadata
    let start = count
    var seen = 0
    if let call = metadata.call { for (key, value) in call { append(key, value, &seen) } }
    if let provided = metadata.provided {
      for (key, value) in provided where metadata.call?[key] == nil { append(key, value, &seen) }
    }
    for (key, value) in metadata.own where metadata.call?[key] == nil && metadata.provided?[key] == nil {
      append(key, value, &seen)
    }
    let context = LogContext.current
    append(context: "request_id", FieldSlot.requestID, context.requestID ?? record.requestID, seen)
    if let user = context.userID { append(context: "user_id", FieldSlot.userID, user, seen) }
    if let workflow = context.workflowID { append(context: "workflow_id", FieldSlot.workflowID, workflow, seen) }
    arrangeFields(from: start)
  }

  private func append(_ key: String, _ value: Logger.MetadataValue, _ seen: inout Int) {
    let start = count
    let rank = FieldSlot.rank(of: key)
    seen |= 1 << rank
    append(",")
    append(quoting: rank == FieldSlot.other && FieldSlot.isReserved(key) ? "_" + key : key)
    append(":")
    append(value)
    slots.append(FieldSlot(rank: rank, range: start..<count))
  }

  /// Whose work this is, unless metadata said so already.
  private func append(context key: StaticString, _ rank: Int, _ text: String, _ seen: Int) {
    guard seen & 1 << rank == 0 else { return }
    let start = count
    append(",\"")
    append(key)
    append("\":")
    append(quoting: text)
    slots.append(FieldSlot(rank: rank, range: start..<count))
  }

  private func append(_ value: Logger.MetadataValue) {
    switch value {
    case .string(let text): append(quoting: text)
    case .stringConvertible(let value): append(convertible: value)
    case .array(let items):
      append("[")
      for (index, item) in items.enumerated() {
        if index > 0 { append(",") }
        append(item)
      }
      append("]")
    case .dictionary(let members):
      append("{")
      for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
        if index > 0 { append(",") }
        append(quoting: member.key)
        append(":")
        append(member.value)
      }
      append("}")
    }
  }

  /// Numbers and booleans stay what they are: as text, `select(.duration_ms > 1000)` would be true for every line.
  /// The usual types are told by identity, for a dynamic cast costs as much as writing the number.
  private func append<Value: CustomStringConvertible & Sendable>(convertible value: Value) {
    if Value.self == Double.self {
      append(number: unsafeBitCast(value, to: Double.self))
    } else if Value.self == Int.self {
      append(decimal: unsafeBitCast(value, to: Int.self))
    } else if Value.self == Bool.self {
      append(unsafeBitCast(value, to: Bool.self) ? "true" : "false" as StaticString)
    } else if let integer = value as? any BinaryInteger {
      append(String(integer))
    } else if let number = value as? any BinaryFloatingPoint {
      append(number: Double(number))
    } else {
      append(quoting: value.description)
    }
  }

  /// As Core's writer has it: no NaN, no infinity, no fraction where there is none.
  private func append(number: Double) {
    guard number.isFinite else { return append("null") }
    let text = number.description
    append(text)
    if text.utf8.suffix(2).elementsEqual(".0".utf8) { removeLast(2) }
  }

  /// Swift keeps no stack of a thrown error, so `traceback` holds the one place that is known: where it was logged.
  private func appendException(_ error: any Error, _ event: LogEvent) {
    append(",\"exception\":{\"type\":")
    append(quoting: "\(type(of: error))")
    append(",\"message\":")
    append(quoting: "\(error)")
    append(",\"traceback\":[")
    append(quoting: "\(event.file):\(event.line) \(event.function)")
    append("]}")
  }
}
