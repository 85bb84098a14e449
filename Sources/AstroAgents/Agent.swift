public import AstroCore

/// One way of performing attempts. Every start handed to an agent is in the journal already; every end comes back as an
/// ``AttemptEnding``, at once from ``start(_:)`` or later through the runner's events.
public protocol Agent: AnyObject {
  /// `nil` when it can take work now, else why not, in one sentence.
  func probe() -> String?

  /// Starts attempts.
  /// - Returns: the ends of those that could not be started.
  func start(_ starts: [AttemptStart]) -> [AttemptEnding]

  /// Asks an attempt to end. One that has ended already is no error.
  func signal(_ key: AttemptKey, _ signal: TerminationSignal)
}
