import AstroCore
import Glibc

/// What a run's `events.jsonl` tells already, as far as its lines can be read: one that was cut off tells nothing.
struct ToldEvents {
  private struct Mark: Hashable {
    var event: String
    var task: String
    var attempt: Int64
  }

  private var marks: Set<Mark> = []
  /// The last of the run's own events; `nil` when there is none.
  private(set) var lastOfRun: String?

  init(path: String) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    var rest: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      rest += chunk[..<count]
      while let end = rest.firstIndex(of: 0x0A) {
        note(Array(rest[..<end]))
        rest.removeSubrange(...end)
      }
    }
    note(rest)  // Cut off right before its end of line.
  }

  private mutating func note(_ line: [UInt8]) {
    guard case .map(let members)? = try? JSONReader.parse(line), case .string(let event)? = members["event"] else {
      return
    }
    guard case .string(let task)? = members["task_id"] else {
      lastOfRun = event
      return
    }
    var attempt: Int64 = 0
    if case .integer(let number)? = members["attempt"] { attempt = number }
    marks.insert(Mark(event: event, task: task, attempt: attempt))
  }

  func tell(_ event: String, _ key: AttemptKey) -> Bool {
    marks.contains(Mark(event: event, task: key.task, attempt: Int64(key.number)))
  }

  mutating func note(_ event: String, _ key: AttemptKey) {
    marks.insert(Mark(event: event, task: key.task, attempt: Int64(key.number)))
  }

  /// Of a task that never had an attempt.
  func tell(_ event: String, task: String) -> Bool { marks.contains(Mark(event: event, task: task, attempt: 0)) }
}
