public import AstroCore
public import AstroLimits
import GRDB

/// Everything one run is made of, as it is written into a journal that is made anew.
public struct RestoredRun: Sendable, Equatable {
  public var run: RunRecord
  public var content: [UInt8]
  public var tasks: [TaskRecord]
  public var attempts: [AttemptRecord]

  public init(run: RunRecord, content: [UInt8], tasks: [TaskRecord] = [], attempts: [AttemptRecord] = []) {
    self.run = run
    self.content = content
    self.tasks = tasks
    self.attempts = attempts
  }
}

extension Transaction {
  /// Writes a run with all that belongs to it.
  public func restore(_ restored: RestoredRun) throws(Failure) {
    try insert(restored.run, content: restored.content)
    for task in restored.tasks {
      try put(task)
      try session.run(
        "UPDATE task SET base = ? WHERE run = ? AND task = ?", [task.base, task.run.text, task.task])
    }
    for attempt in restored.attempts {
      try beginAttempt(attempt)
      if let cause = attempt.endingCause { try setEndingCause(of: attempt.key, cause) }
      guard let ending = attempt.ending else { continue }
      _ = try endAttempt(
        AttemptEnding(
          key: attempt.key, outcome: ending.outcome, startedAt: attempt.started.wall, finishedAt: ending.finishedAt,
          duration: ending.duration, usage: ending.usage), agent: attempt.agent)
    }
  }

  /// Writes the state of a limit as it was read elsewhere.
  public func restore(_ state: LimitState, window: RateWindow) throws(Failure) {
    keep(state.stored.log(on: bootID, at: now), state.limiter, state.key, window)
  }

  /// Takes all that a limit still grants: what was granted before is not known, and must not be granted twice.
  public func exhaust(_ limiter: String, key: String, window: RateWindow) throws(Failure) {
    let left = try check(limiter, key: key, window: window, weight: 0).remaining
    if left > 0 { _ = try consume(limiter, key: key, window: window, weight: left) }
  }
}
