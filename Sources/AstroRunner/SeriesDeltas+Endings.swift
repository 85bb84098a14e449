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
