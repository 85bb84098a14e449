import AstroCore
import AstroJournal

/// An attempt that its agent performs, from its start in the journal to its end.
struct PerformedAttempt {
  var start: AttemptStart
  /// The leave for its first call, taken with its start; `nil` once it is handed over.
  var granted: (id: CallID, call: PlannedCall)?
  /// That leave, where it was handed over and not needed.
  var unused: CallID?
  /// It was asked to end: it is granted nothing any more.
  var isCancelled = false
}
