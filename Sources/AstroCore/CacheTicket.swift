/// Under what the result of an attempt is kept for equal ones.
public struct CacheTicket: Sendable, Equatable {
  /// The SHA-256, in hexadecimal, of everything that decides what the attempt comes to.
  public var key: String
  /// Files whose content is in the key, by their names below the run's `files/`, and how each looked before it was read.
  /// When the attempt ends and one looks otherwise, nobody knows what it was made of, and its result is not kept.
  public var files: [String: String]

  /// Which configuration it was made under, counted by its runner.
  public var generation = 0

  public init(key: String, files: [String: String] = [:]) {
    self.key = key
    self.files = files
  }
}
