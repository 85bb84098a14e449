import AstroConfiguration
import AstroCore
import AstroJournal
import AstroScheduling
import AstroTelemetry
import Logging

extension Runner {
  /// Somebody rang: something is asked of a run of ours, or a run has no owner.
  func answerBell() throws(Failure) {
    try readRequests()
    if takesFiles { try recover() }
  }

  /// What users asked of our runs. The journal is where it is asked; a request read twice changes nothing.
  func readRequests() throws(Failure) {
    guard !owned.isEmpty else { return }
    for run in try journal.read({ try $0.active() }) where owned[run.id] != nil {
      if run.isCancelRequested { pending.append(.cancel(run.id)) }
      // One admitted in this turn is not in the scheduler yet; its seed carries the flag.
      guard let isHeld = scheduler.isHeld(run.id), isHeld != run.isHoldRequested else { continue }
      pending.append(run.isHoldRequested ? .hold(run.id) : .release(run.id))
      log.info(
        run.isHoldRequested ? "Workflow held" : "Workflow released",
        metadata: ["workflow_id": .string(run.id.text), "user_id": .string(run.user)])
    }
  }
}
