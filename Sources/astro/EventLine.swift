import AstroCore
import Glibc

/// One line of an event stream, taken apart for people.
struct EventLine {
  let time: Timestamp
  let run: String
  let event: String
  let task: String?
  private let members: [String: JSONValue]

  /// `nil` for a line that is not an event: half of one, left by a full disk.
  init?(_ line: ArraySlice<UInt8>) {
    guard case .map(let members)? = try? JSONReader.parse(Array(line)),
      case .string(let when)? = members["timestamp"], let time = Timestamp(rfc3339: when),
      case .string(let event)? = members["event"], case .string(let run)? = members["workflow_id"]
    else { return nil }
    self.members = members
    self.time = time
    self.event = event
    self.run = run
    if case .string(let task)? = members["task_id"] { self.task = task } else { task = nil }
  }

  /// `HH:MM:SS run event task detail`, in local time.
  var text: String {
    let parts = [Self.localTime(time), run, event, task, detail]
    return Terminal.printable(parts.compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: " "))
  }

  /// The other members. Those of known events read as a sentence; any other is `name=value`.
  private var detail: String {
    var rest = members
    for name in ["timestamp", "event", "workflow_id", "task_id"] { rest[name] = nil }
    var words: [String] = []
    func take(_ name: String, _ form: (String) -> String) {
      if let value = rest.removeValue(forKey: name), value != .null { words.append(form(value.text)) }
    }
    take("tasks") { $0 == "1" ? "1 task" : "\($0) tasks" }
    take("attempt") { "attempt \($0)" }
    take("agent_id") { "on \($0)" }
    take("status") { $0 }
    take("exit_code") { $0 == "0" ? "" : "with exit code \($0)" }
    take("duration_ms") { text in "in \(Double(text).map { Notation.spell(.microseconds(Int64($0 * 1000))) } ?? text)" }
    take("limiter") { "by limit \($0)" }
    take("retry_after") { text in
      "for \(Double(text).map { Notation.spell(.microseconds(Int64($0 * 1_000_000))) } ?? text)"
    }
    take("not_before") { text in "until \(Timestamp(rfc3339: text).map(Self.localTime) ?? text)" }
    take("reason") { "(\($0))" }
    words += rest.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.text)" }
    return words.filter { !$0.isEmpty }.joined(separator: " ")
  }

  private static func localTime(_ time: Timestamp) -> String {
    var seconds = time_t(time.microseconds / 1_000_000)
    var fields = tm()
    localtime_r(&seconds, &fields)
    let two = { (value: Int32) in value < 10 ? "0\(value)" : String(value) }
    return "\(two(fields.tm_hour)):\(two(fields.tm_min)):\(two(fields.tm_sec))"
  }
}
