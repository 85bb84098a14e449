public import AstroCore

extension Explanation {
  /// - Parameter output: where the first failed task's output lies.
  public func write(to writer: inout JSONWriter, output: [String] = []) {
    writer.beginObject()
    writer.member("workflow_id", run.text)
    writer.member("state", state.rawValue)
    writer.member("timestamp", now.rfc3339)
    writer.writeCauses(causes, at: now)
    writer.member("tasks_over", tasksOver)
    writer.key("tasks")
    writer.beginArray()
    for task in tasks { write(task, to: &writer) }
    writer.endArray()
    if let ending { write(ending, output, to: &writer) }
    writer.endObject()
  }

  private func write(_ task: Task, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("task_id", task.id)
    writer.member("state", task.state.rawValue)
    writer.member("reason", ifPresent: task.reason)
    writer.writeCauses(task.causes, at: now)
    switch task.earliest {
    case .runs: break
    case .at(let time): writer.writeEarliest(time, now)
    case .unknown: writer.writeEarliest(nil, now)
    }
    writer.endObject()
  }

  private func write(_ ending: Ending, _ output: [String], to writer: inout JSONWriter) {
    writer.member("reason", ifPresent: ending.reason)
    writer.member("finished_at", ifPresent: ending.finishedAt?.rfc3339)
    writer.key("errors")
    writer.beginArray()
    for error in ending.errors { error.write(to: &writer) }
    writer.endArray()
    guard let failure = ending.failure else { return }
    writer.key("first_failure")
    writer.beginObject()
    writer.member("task_id", failure.id)
    writer.member("state", failure.state.rawValue)
    writer.member("reason", ifPresent: failure.reason)
    writer.member("attempt", failure.attempt)
    writer.member("output", .list(output.map { .string($0) }))
    writer.endObject()
  }
}

/// Why something waits, for programs.
private protocol WrittenCause {
  var code: String { get }
  func sentence(at now: Timestamp) -> String
  func writeFields(to writer: inout JSONWriter)
}

extension Explanation.Cause: WrittenCause {
  fileprivate func writeFields(to writer: inout JSONWriter) {
    switch self {
    case .running(let attempt, let agent, let since):
      writer.member("attempt", attempt)
      writer.member("agent_id", agent)
      writer.member("since", since.rfc3339)
    case .need(let task, let state):
      writer.member("task_id", task)
      writer.member("state", state.rawValue)
    case .backoff(let number, let count, let until, _):
      writer.member("retry", number)
      writer.member("attempts", count)
      writer.member("until", until.rfc3339)
    case .limit(let verdict, let opensAt): verdict.writeCause(opensAt, to: &writer)
    case .ownLimit(let limiter, let until):
      writer.member("limiter", limiter)
      writer.member("opens_at", until.rfc3339)
    case .agents(let agents):
      writer.key("agents")
      writer.beginArray()
      for agent in agents { agent.write(to: &writer) }
      writer.endArray()
    case .noAgent(let request):
      writer.member("agent", ifPresent: request.name)
      writer.member("capabilities", .list(request.capabilities.map { .string($0) }))
    case .parallel(let running, let most):
      writer.member("running", running)
      writer.member("limit", most)
    case .deadline(let time): writer.member("until", time.rfc3339)
    case .equalTask, .held, .cancelling, .noRunner, .betweenRunners, .next: break
    }
  }
}

extension Explanation.Agent {
  fileprivate func write(to writer: inout JSONWriter) {
    writer.beginObject()
    switch self {
    case .full(let id, let running, let slots):
      writer.member("agent_id", id)
      writer.member("running", running)
      writer.member("max_concurrent", slots)
    case .unhealthy(let id, let error, let probe):
      writer.member("agent_id", id)
      writer.member("error", ifPresent: error)
      writer.member("next_probe", ifPresent: probe?.rfc3339)
    }
    writer.endObject()
  }
}

extension FileExplanation {
  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("file", file)
    writer.member("timestamp", now.rfc3339)
    writer.writeCauses(causes, at: now)
    writer.writeEarliest(earliest, now)
    writer.endObject()
  }
}

extension FileExplanation.Cause: WrittenCause {
  fileprivate func writeFields(to writer: inout JSONWriter) {
    switch self {
    case .refused(let errors):
      writer.key("errors")
      writer.beginArray()
      for error in errors { error.write(to: &writer) }
      writer.endArray()
    case .notYet(_, let until), .notBefore(let until): writer.member("until", until.rfc3339)
    case .limit(let verdict, let opensAt): verdict.writeCause(opensAt, to: &writer)
    case .full(let active, let held, let most):
      writer.member("active", active)
      writer.member("held", held)
      writer.member("limit", most)
    case .stuck(let why): writer.member("reason", why)
    case .ignored, .noRunner, .next: break
    }
  }
}

extension LimitVerdict {
  fileprivate func writeCause(_ opensAt: Timestamp?, to writer: inout JSONWriter) {
    writer.member("limiter", limiter)
    writer.member("key", key)
    writer.member("used", toldLimit.map { JSONValue.integer($0 - remaining) } ?? .null)
    writer.member("limit", toldLimit.map(JSONValue.integer) ?? .null)
    writer.member("opens_at", opensAt.map { .string($0.rfc3339) } ?? .null)
  }
}

extension JSONWriter {
  fileprivate mutating func writeCauses(_ causes: [some WrittenCause], at now: Timestamp) {
    key("causes")
    beginArray()
    for cause in causes {
      beginObject()
      member("cause", cause.code)
      cause.writeFields(to: &self)
      member("message", cause.sentence(at: now))
      endObject()
    }
    endArray()
  }

  /// `null` is unknown.
  fileprivate mutating func writeEarliest(_ time: Timestamp?, _ now: Timestamp) {
    key("earliest_start")
    if let time { string(time.rfc3339) } else { null() }
    key("in_seconds")
    if let time { number(max(0, (time - now).seconds)) } else { null() }
  }
}
