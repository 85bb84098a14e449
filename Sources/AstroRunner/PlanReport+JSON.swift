public import AstroCore

extension PlanReport {
  public func write(to writer: inout JSONWriter) {
    let plan = workflow.plan
    writer.beginObject()
    writer.member("name", workflow.name)
    writer.member("user_id", workflow.user)
    writer.member("description", ifPresent: plan.description)
    if !plan.labels.isEmpty { writer.member("labels", .map(plan.labels.mapValues { .string($0) })) }
    writer.member("priority", plan.priority)
    writer.member("not_before", ifPresent: plan.notBefore?.rfc3339)
    if let deadline = plan.deadline { writer.member("deadline_seconds", deadline.seconds) }
    writer.member("params", .map(workflow.params))
    writer.member("task_count", plan.tasks.count)
    if let requests = plan.requests { writer.member("request_count", requests) }
    writer.key("levels")
    writer.beginArray()
    for level in levels {
      writer.beginArray()
      for position in level { write(position, to: &writer) }
      writer.endArray()
    }
    writer.endArray()
    writeBounds(to: &writer)
    writer.endObject()
  }

  private func write(_ position: Int, to writer: inout JSONWriter) {
    let tasks = workflow.plan.tasks
    let task = tasks[position]
    writer.beginObject()
    writer.member("task_id", task.id)
    write("needs", task.needs.map { tasks[$0].id }, to: &writer)
    write("agents", agents[position], to: &writer)
    if let timeout = task.timeout { writer.member("timeout_seconds", timeout.seconds) }
    writer.key("retry")
    writer.beginObject()
    writer.member("attempts", task.retry.attempts)
    writer.member("delay_seconds", task.retry.delay.seconds)
    writer.member("factor", task.retry.factor)
    writer.member("max_delay_seconds", task.retry.maxDelay.seconds)
    writer.endObject()
    writer.member("if", ifPresent: task.condition?.spelled)
    writer.member("continue_on_error", task.continueOnError)
    writer.endObject()
  }

  private func write(_ name: String, _ texts: [String], to writer: inout JSONWriter) {
    writer.key(name)
    writer.beginArray()
    for text in texts { writer.string(text) }
    writer.endArray()
  }

  /// `shortest_seconds` and `seconds` are `null` where a limit grants nothing; `cost_ceiling_usd` where it is not known.
  private func writeBounds(to writer: inout JSONWriter) {
    writer.key("shortest_seconds")
    if let shortest { writer.number(shortest.seconds) } else { writer.null() }
    writer.key("limits")
    writer.beginArray()
    for wait in waits {
      writer.beginObject()
      writer.member("limiter", wait.limiter)
      writer.member("requests", wait.requests)
      writer.member("max_requests", ifPresent: wait.maxRequests)
      if wait.maxRequests != nil { writer.member("window_seconds", wait.window.seconds) }
      writer.key("seconds")
      if let time = wait.wait { writer.number(time.seconds) } else { writer.null() }
      writer.endObject()
    }
    writer.endArray()
    writer.key("rounds")
    writer.beginObject()
    writer.member("least", rounds.least)
    writer.member("longest_chain", rounds.longestChain)
    writer.member("parallel", rounds.parallel)
    writer.endObject()
    writer.key("calls")
    writer.beginObject()
    writer.member("most", forecast.calls)
    writer.member("most_tokens", forecast.tokens)
    write("unknown", forecast.unknown, to: &writer)
    write("unpriced_models", forecast.unpriced, to: &writer)
    writer.endObject()
    writer.key("cost_ceiling_usd")
    if let ceiling = forecast.ceiling { writer.number(ceiling.dollars) } else { writer.null() }
  }
}
