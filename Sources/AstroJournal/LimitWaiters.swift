public import AstroCore

/// Those who wait until a limit opens.
public struct LimitWaiters: Sendable, Equatable {
  public private(set) var count = 0
  /// Since when the first of them waits.
  public private(set) var since: Timestamp?

  public init() {}

  public mutating func add(since time: Timestamp) {
    count += 1
    since = min(since ?? time, time)
  }
}
