import AstroConfiguration
import AstroCore
import AstroJournal
import AstroScheduling
import AstroTelemetry
import Logging

extension Runner {
  /// Somebody rang: a cancel for a run of ours, a run without an owner.
  func readRequests() throws(Failure) {
    try readCancels()
    if takesFiles { try recover() }
  }

  func readCancels() throws(Failure) {
    for run in try journal.read({ try $0.active() }) where run.isCancelRequested && owned[run.id] != nil {
      pending.append(.cancel(run.id))
    }
  }
}
