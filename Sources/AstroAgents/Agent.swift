public import AstroCore

/// One way of performing attempts. Every start handed to an agent is in the journal already; every end comes back as an
/// ``AttemptEnding``, at once from ``start(_:)`` or later through the runner's events.
public protocol Agent: AnyObject {
  /// `nil` when it can take work now, else why not, in one sentence.
  func probe() -> String?

  /// Starts attempts: now, or those marked held at the next ends of attempts that run.
  /// - Returns: the ends of those that could not be started.
  func start(_ starts: [(start: AttemptStart, isHeld: Bool)]) -> [AttemptEnding]

  /// Starts a held attempt now.
  func release(_ key: AttemptKey)

  /// Takes a held attempt back, if it has not begun.
  func withdraw(_ key: AttemptKey)

  /// Asks an attempt to end. One that has ended already is no error.
  func signal(_ key: AttemptKey, _ signal: TerminationSignal)
}
