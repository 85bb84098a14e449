import AstroCore
import AstroJournal

/// A run as `run.json` has it: what ``RunReport`` wrote, read back. Times have lost what is below a millisecond, and the
/// name of the file may not be its bytes.
struct WrittenRun {
  var run: RunRecord
  var tasks: [TaskRecord]
  var attempts: [AttemptRecord]

  /// `nil` for text that is no record of that run.
  init?(parsing bytes: [UInt8], of id: WorkflowID) {
    guard let members = RecordMembers(parsing: bytes), members.text("workflow_id") == id.text,
      let run = RunRecord(members, id)
    else { return nil }
    self.run = run
    tasks = []
    attempts = []
    for task in members.objects("tasks") {
      guard let name = task.text("task_id") else { continue }
      let tries = task.objects("attempts").compactMap { AttemptRecord($0, id, task: name) }
      attempts += tries
      if let task = TaskRecord(task, id, name, attempts: tries.map(\.key.number).max() ?? 0) { tasks.append(task) }
    }
  }
}

extension RunRecord {
  fileprivate init?(_ members: RecordMembers, _ id: WorkflowID) {
    guard let name = members.text("name"), let user = members.text("user_id"),
      let state = members.text("state").flatMap(RunState.init(rawValue:)), let file = members.text("file"),
      let submitted = members.time("submitted_at"), let claimed = members.time("claimed_at")
    else { return nil }
    self.init(
      id: id, name: name, user: user, state: state, priority: Int(members.integer("priority") ?? 0),
      file: Array(file.utf8), fileExtension: "yaml", sha256: members.text("sha256") ?? "", submittedAt: submitted,
      claimedAt: claimed)
    reason = members.text("reason")
    if case .map(let values)? = members["params"] { params = values }
    startedAt = members.time("started_at")
    finishedAt = members.time("finished_at")
    retriedAt = members.time("retried_at")
    errors = members.errors
    isHoldRequested = state == .held
    taskCount = members.objects("tasks").count
  }
}

extension TaskRecord {
  fileprivate init?(_ members: RecordMembers, _ run: WorkflowID, _ task: String, attempts: Int) {
    guard let state = members.text("state").flatMap(TaskState.init(rawValue:)) else { return nil }
    self.init(
      run: run, task: task, state: state, attempts: attempts, notBefore: members.time("not_before"),
      reason: members.text("reason"), exitCode: members.integer("exit_code").flatMap { Int32(exactly: $0) },
      outputs: members.strings("outputs"), startedAt: members.time("started_at"),
      finishedAt: members.time("finished_at"))
  }
}

extension AttemptRecord {
  /// The runner in whose name attempts stand of which nobody knows who launched them: one that left nothing, so that they
  /// count as lost.
  static let unknownLauncher = "unknown"

  fileprivate init?(_ members: RecordMembers, _ run: WorkflowID, task: String) {
    guard let number = members.integer("attempt"), number > 0, let started = members.time("started_at") else {
      return nil
    }
    self.init(
      key: AttemptKey(workflow: run, task: task, number: Int(number)), agent: members.text("agent_id") ?? "unknown",
      launcher: Self.unknownLauncher, started: Moment(wall: started, boot: 0), bootID: "")
    guard let state = members.text("state").flatMap(TaskState.init(rawValue:)), state.isTerminal,
      let finished = members.time("finished_at")
    else { return }
    let status =
      members.integer("exit_code").flatMap { Int32(exactly: $0) }.map { WaitStatus.exited($0) }
      ?? members.integer("signal").flatMap { Int32(exactly: $0) }.map { WaitStatus.signalled($0) }
    ending = Ending(
      outcome: AttemptOutcome(
        state, status, members.text("ending").flatMap(AgentEnding.init(rawValue:)), message: members.text("message")),
      finishedAt: finished,
      duration: members.milliseconds("duration_ms") ?? max(.zero, finished - started),
      usage: ResourceUsage(
        userMicroseconds: members.milliseconds("cpu_user_ms")?.microseconds ?? 0,
        systemMicroseconds: members.milliseconds("cpu_system_ms")?.microseconds ?? 0,
        peakKiB: members.integer("max_rss_kib") ?? 0))
  }
}

extension AttemptOutcome {
  /// What a record says of an end, as far as it says it. What does not fit together is never success.
  init(_ state: TaskState, _ status: WaitStatus?, _ ending: AgentEnding?, message: String?) {
    if let ending, (ending == .completed) == (state == .succeeded), [.succeeded, .failed].contains(state) {
      self = .performed(ending, message)
      return
    }
    switch (state, status) {
    case (.succeeded, .exited(0)?): self = .exited(0)
    case (.timedOut, _): self = .timedOut(status)
    case (.cancelled, _): self = .cancelled(status)
    case (.failed, .exited(0)?): self = .invalidOutput(message ?? "its outputs could not be taken")
    case (.failed, .exited(let code)?): self = .exited(code)
    case (.failed, .signalled(let number)?): self = .signalled(number)
    case (.failed, nil): self = .notStarted(reason: message ?? "failed; how is not on record", infrastructure: false)
    default: self = .lost(message ?? "how it ended is not on record")
    }
  }
}

extension Receipt {
  /// What ``write(to:)`` wrote, read back; `nil` for text that is no receipt of that run.
  init?(parsing bytes: [UInt8], of id: WorkflowID) {
    guard let members = RecordMembers(parsing: bytes), members.text("workflow_id") == id.text,
      let file = members.text("file"), let name = members.text("name"), let user = members.text("user_id"),
      let status = members.text("status").flatMap(RunState.init(rawValue:)), status.isTerminal,
      let submitted = members.time("submitted_at"), let claimed = members.time("claimed_at"),
      let finished = members.time("finished_at")
    else { return nil }
    self.init(
      workflow: id, file: file, name: name, user: user, status: status, submittedAt: submitted, claimedAt: claimed,
      finishedAt: finished, sha256: members.text("sha256") ?? "",
      rateLimit: RecordMembers(members["rate_limit"]).flatMap { LimitVerdict($0) }, errors: members.errors)
  }

  /// The run, as far as its receipt tells of it.
  var record: RunRecord {
    var record = RunRecord(
      id: workflow, name: name, user: user, state: status, file: Array(file.utf8), fileExtension: "yaml",
      sha256: sha256, submittedAt: submittedAt, claimedAt: claimedAt)
    record.finishedAt = finishedAt
    record.errors = errors
    record.rateLimit = rateLimit
    return record
  }
}

extension LimitVerdict {
  fileprivate init?(_ members: RecordMembers) {
    guard let limiter = members.text("limiter"), let key = members.text("key"), let reset = members.time("reset_at")
    else { return nil }
    self.init(
      limiter: limiter, key: key, allowed: true, limit: members.integer("limit") ?? .max,
      remaining: members.integer("remaining") ?? .max, resetAt: reset, retryAfter: .zero)
  }
}
