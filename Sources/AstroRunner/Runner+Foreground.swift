public import AstroCore
import AstroJournal
import AstroProcess
import AstroScheduling
import AstroSpool
import AstroTelemetry
import Glibc
import Logging

extension Runner {
  /// What can stand in the way of running a file now.
  public enum Obstacle: Error, Sendable {
    case invalid([Diagnostic])
    case throttled(LimitVerdict)
  }

  /// Takes one file that is not in the spool, for `astro run`: checked, charged and recorded as any other, its bytes
  /// placed in `active/` so that it ends in one place like any other.
  ///
  /// - Parameter path: as the user named it.
  /// - Throws: ``Obstacle`` for a file that cannot run, or not now; ``Failure`` when it cannot be read or recorded.
  public func enter(
    _ bytes: [UInt8], file path: String, params: [String: String], warn: ([Diagnostic]) -> Void
  ) throws -> WorkflowID {
    let admission = examiner.examine(bytes, ownFile: path, at: clock.now().wall, given: params)
    guard let plan = admission.plan else { throw Obstacle.invalid(admission.errors) }
    warn(admission.warnings)
    return try record(admission, plan)
  }

  private func record(_ admission: Admission, _ plan: WorkflowPlan) throws -> WorkflowID {
    var refused: LimitVerdict?
    var entered: (WorkflowID, Event)?
    try journal.commit { transaction in
      let verdict = try allowances.rates.consume(LimiterName.workflowCreation, key: admission.user, in: transaction)
      guard verdict.allowed else {
        refused = verdict
        return
      }
      let run = try runID(for: admission, in: transaction)
      // Under the gate, as a claim is: nobody takes the file for one whose row was lost in a crash.
      try spool.placeActive(admission.bytes, run, admission.format)
      entered = (run, try enter(run, admission, plan, verdict, in: transaction))
    }
    if let refused { throw Obstacle.throttled(refused) }
    guard let (run, event) = entered else { preconditionFailure("a file is refused or entered") }
    deltas.increment(.limitGranted, [LimiterName.workflowCreation])
    pending.append(event)
    observer?.runner(.accepted(run, name: admission.name, tasks: plan.tasks.count))
    tellSubmitted(run, admission.user, admission.shownFile, at: admission.submittedAt)
    log.info(
      "Workflow accepted",
      metadata: [
        "workflow_id": .string(run.text), "user_id": .string(admission.user), "file": .string(admission.shownFile),
      ])
    return run
  }

  /// Removes what a runner that never ran anything leaves: its lock and its files.
  public func removeFiles() {
    try? lock.files.remove()
    try? lock.remove()
  }
}
