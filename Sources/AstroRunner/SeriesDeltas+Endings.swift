import AstroCore
import AstroTelemetry

extension SeriesDeltas {
  /// The end of an attempt.
  mutating func count(_ ending: AttemptEnding, agent: String) {
    if ending.key.number > 1 { increment(.retries, [agent]) }
    switch ending.outcome {
    case .cancelled: return
    case .notStarted(_, infrastructure: true): increment(.errors, ["agent"])
    case .lost: increment(.errors, ["lost"])
    case .exited, .signalled, .outOfMemory, .timedOut, .notStarted, .invalidOutput, .performed: break
    }
    increment(.tasks, [agent, ending.outcome.isSuccess ? "success" : "failure"])
    observe(.taskDuration, [agent], ending.duration.seconds)
  }

  /// A call to a model.
  mutating func count(_ account: CallAccount) {
    increment(.llmRequests, [account.model, account.status.rawValue])
    observe(.llmRequestDuration, [account.model], account.duration.seconds)
    if let usage = account.usage {
      increment(.llmTokens, [account.model, "prompt"], by: Double(usage.prompt))
      increment(.llmTokens, [account.model, "completion"], by: Double(usage.output))
      for (type, tokens) in [
        ("cache_read", usage.cacheRead), ("cache_write", usage.cacheWrite + usage.cacheWriteHour),
        ("reasoning", usage.reasoning),
      ] where tokens > 0 {
        increment(.llmTokens, [account.model, type], by: Double(tokens))
      }
    }
    if let cost = account.cost { increment(.llmCost, [account.model], by: max(0, cost.dollars)) }
  }

  /// The end of a run.
  mutating func count(_ state: RunState, after duration: Duration?) {
    let status: String
    switch state {
    case .succeeded, .partial, .duplicate: status = "completed"
    case .cancelled: status = "cancelled"
    case .failed, .rejected, .queued, .running, .held: status = "failed"
    }
    increment(.workflows, [status])
    if let duration { observe(.workflowDuration, [], duration.seconds) }
  }
}
