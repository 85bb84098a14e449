import AstroCore
import AstroScheduling

/// What the loop has decided and not yet told: gathered over a few turns, committed in one transaction, then told.
struct Batch {
  /// In order.
  private(set) var decisions: [Decision] = []
  /// Decisions before this one are in the transaction.
  var recorded = 0
  /// Decisions before this one have had their process started.
  var launched = 0
  var now: [WorkflowID: Admitted] = [:]
  var verdicts: [AttemptKey: LimitVerdict] = [:]
  var refusals: [Refused] = []
  /// Boot time of the first decision that needs a commit.
  private(set) var since: Int64?
  /// Somebody waits for what was decided: a run has ended, an attempt is to.
  private(set) var isUrgent = false

  /// More decisions than this are not held back: memory and the time in one transaction stay bounded.
  private static let most = 512

  mutating func add(_ new: [Decision], at boot: Int64) {
    decisions += new
    if decisions.count > Self.most { isUrgent = true }
    for decision in new {
      switch decision {
      case .launch, .enqueue, .release, .withdraw, .kill, .probe: continue
      case .runEnded, .end: isUrgent = true
      case .begin, .reassign, .started, .forget, .close, .update, .runStarted, .agentChanged: break
      }
      if since == nil { since = boot }
    }
  }
}
