import AstroCore
import AstroJournal

/// What the events of one run tell: ``EventStream`` read back. They follow the journal's commits by a moment, so they may
/// end too early, and a line that a crash has cut is passed over.
struct ToldEvents {
  struct Attempt {
    var agent: String
    var startedAt: Timestamp
    var ending: Ending?
  }
  struct Ending {
    var state: TaskState
    var exitCode: Int32?
    var finishedAt: Timestamp
    var duration: Duration
  }
  struct Task {
    var attempts: [Int: Attempt] = [:]
    /// After the attempt of this number it was to wait.
    var waits: (after: Int, until: Timestamp?, reason: String?)?
    /// It was told as not run or given up, in this life of the run or an earlier one.
    var wasOver = false
    /// It was not run, or given up.
    var over: (state: TaskState, reason: String?, at: Timestamp)?

    var last: Int { attempts.keys.max() ?? 0 }
  }

  private(set) var tasks: [String: Task] = [:]
  private(set) var isEmpty = true
  private(set) var startedAt: Timestamp?
  private(set) var ended: (state: RunState, reason: String?, at: Timestamp)?
  private(set) var retriedAt: Timestamp?
  /// Whether it was held, when anything was said of that.
  private(set) var isHeld: Bool?

  init() {}

  init(parsing bytes: [UInt8], of id: WorkflowID) {
    for line in bytes.split(separator: 0x0A) {
      guard let members = RecordMembers(parsing: Array(line)), members.text("workflow_id") == id.text,
        let event = members.text("event"), let time = members.time("timestamp")
      else { continue }
      isEmpty = false
      take(event, members, at: time)
    }
  }

  /// Whether this is the retry that was told last: by the time it was recorded with, of which files have the milliseconds,
  /// and not by which came later, as the clock may have been set back.
  func tellsRetry(at time: Timestamp) -> Bool { retriedAt.map { $0.rfc3339 == time.rfc3339 } ?? false }

  func tellsStart(of key: AttemptKey) -> Bool { tasks[key.task]?.attempts[key.number] != nil }
  func tellsEnd(of key: AttemptKey) -> Bool { tasks[key.task]?.attempts[key.number]?.ending != nil }

  mutating func noteStart(of key: AttemptKey, by agent: String, at time: Timestamp) {
    tasks[key.task, default: Task()].attempts[key.number] = Attempt(agent: agent, startedAt: time)
  }

  private mutating func take(_ event: String, _ members: RecordMembers, at time: Timestamp) {
    switch event {
    case "workflow_started": startedAt = time
    case "workflow_held": isHeld = true
    case "workflow_released": isHeld = false
    // Of two who told it at once the second says nothing new: see ``RunRequests``.
    case "workflow_retried": if !tellsRetry(at: time) { noteRetry(at: time) }
    case "workflow_ended":
      guard let state = members.text("status").flatMap(RunState.init(rawValue:)), state.isTerminal else { return }
      ended = (state, members.text("reason"), time)
    default:
      if let task = members.text("task_id") { take(event, members, of: task, at: time) }
    }
  }

  private mutating func take(_ event: String, _ members: RecordMembers, of name: String, at time: Timestamp) {
    var task = tasks[name] ?? Task()
    defer { tasks[name] = task }
    switch event {
    case "task_started":
      guard let number = members.integer("attempt") else { return }
      task.attempts[Int(number)] = Attempt(agent: members.text("agent_id") ?? "unknown", startedAt: time)
      (task.waits, task.over) = (nil, nil)
    case "task_ended":
      guard let number = members.integer("attempt"),
        let state = members.text("status").flatMap(TaskState.init(rawValue:)), state.isTerminal
      else { return }
      let duration = members.milliseconds("duration_ms") ?? .zero
      var attempt =
        task.attempts[Int(number)] ?? Attempt(agent: members.text("agent_id") ?? "unknown", startedAt: time - duration)
      attempt.ending = Ending(
        state: state, exitCode: members.integer("exit_code").flatMap { Int32(exactly: $0) }, finishedAt: time,
        duration: duration)
      task.attempts[Int(number)] = attempt
    case "task_waiting": task.waits = (task.last, members.time("not_before"), members.text("reason"))
    case "task_skipped", "task_upstream_failed", "task_cancelled":
      guard let state = TaskState(rawValue: String(event.dropFirst(5))) else { return }
      task.over = (state, members.text("reason"), time)
      task.wasOver = true
    default: break
    }
  }

  /// What did not succeed is to be done again.
  mutating func noteRetry(at time: Timestamp) {
    (retriedAt, ended, startedAt, isHeld) = (time, nil, nil, nil)
    for name in tasks.keys {
      tasks[name]?.waits = nil
      tasks[name]?.over = nil
    }
  }
}
