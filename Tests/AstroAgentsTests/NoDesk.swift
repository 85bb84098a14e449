import AstroCore
import Testing

/// For agents whose calls cost nothing: they have no business here.
struct NoDesk: CallDesk {
  func leave(for call: PlannedCall, patience: Duration) async -> CallLeave {
    Issue.record("leave was asked for a call that costs nothing")
    return .never("")
  }

  func settle(_ call: CallID, _ account: CallAccount) async { Issue.record("a call that costs nothing was settled") }
}
