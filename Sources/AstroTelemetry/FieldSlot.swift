/// Where one rendered field lies in the scratch space of a line, and its place in the line.
struct FieldSlot {
  let rank: Int
  let range: Range<Int>

  /// Ranks of the fields that also come from ``LogContext``.
  static let requestID = 0, userID = 1, workflowID = 2
  /// The rank of all fields without a place of their own: they stand last, by name.
  static let other = 11

  /// The order of the fields of a line: whose work it is, which part of it, how it went; then the rest.
  static func rank(of key: String) -> Int {
    switch key {
    case "request_id": requestID
    case "user_id": userID
    case "workflow_id": workflowID
    case "task_id": 3
    case "agent_id": 4
    case "attempt": 5
    case "duration_ms": 6
    case "success": 7
    case "status": 8
    case "error": 9
    case "retry_after": 10
    default: other
    }
  }

  /// Whether the key belongs to a field that every line has, or to `exception`. Such metadata gets a `_` in front:
  /// with the name twice in one object, which of the two a reader sees would be chance.
  static func isReserved(_ key: String) -> Bool {
    switch key {
    case "timestamp", "level", "logger", "message", "module", "function", "line", "thread", "process", "environment",
      "exception":
      true
    default: false
    }
  }
}
