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
  /// Files that became runs.
  var admitted: [WorkflowID: Admission] = [:]
  var verdicts: [AttemptKey: LimitVerdict] = [:]
  var refusals: [Refused] = []
  /// Boot time of the first decision that needs a commit.
  private(set) var since: Int64?
  /// Somebody waits for what was decided: a run has ended, an attempt is to.
  private(set) var isUrgent = false
  /// What performed attempts account for, to be settled in the transaction.
  private(set) var settlements: [CallSettlement] = []
  /// Providers that are to be asked nothing before a time, and whose attempt was told so.
  private var blocks: [(agent: String, key: AttemptKey, until: Int64)] = []
  /// Answers to them that hold once the transaction is committed.
  private var replies: [() -> Void] = []

  /// More decisions than this are not held back: memory and the time in one transaction stay bounded.
  private static let most = 512

  mutating func add(_ new: [Decision], at boot: Int64) {
    decisions += new
    if decisions.count > Self.most { isUrgent = true }
    for decision in new {
      switch decision {
      case .lookUp, .launch, .enqueue, .release, .withdraw, .kill, .probe: continue
      case .runEnded, .runHeld, .end, .admit, .turnAway: isUrgent = true
      case .begin, .reassign, .started, .forget, .close, .update, .runStarted, .agentChanged: break
      }
      if since == nil { since = boot }
    }
  }

  mutating func settle(_ settlement: CallSettlement, at boot: Int64) {
    settlements.append(settlement)
    // Somebody waits for it, to go on.
    isUrgent = true
    since = since ?? boot
  }

  mutating func takeSettlements() -> [CallSettlement] {
    defer { settlements.removeAll() }
    return settlements
  }

  /// Committed with the attempt that is parked for it.
  mutating func block(agent: String, for key: AttemptKey, until time: Int64) { blocks.append((agent, key, time)) }

  mutating func takeBlocks() -> [(agent: String, key: AttemptKey, until: Int64)] {
    defer { blocks.removeAll() }
    return blocks
  }

  mutating func reply(_ answer: @escaping () -> Void) { replies.append(answer) }

  mutating func sendReplies() {
    for reply in replies { reply() }
    replies.removeAll()
  }
}
