public import AstroCore
public import AstroScheduling

/// Told what happens, for live progress. Called on the loop's thread.
public protocol RunObserver: AnyObject {
  func runner(_ event: RunnerEvent)
}

public enum RunnerEvent: Sendable {
  case accepted(WorkflowID, name: String, tasks: Int)
  case taskStarted(AttemptKey)
  case taskWaiting(TaskChange)
  case taskEnded(TaskChange)
  case throttled(WorkflowID, LimitVerdict)
  case ended(WorkflowID, RunState, reason: String?)
  case stopRequested
}
