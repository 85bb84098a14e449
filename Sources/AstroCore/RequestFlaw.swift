/// What is wrong with one member of a task's `with:`.
public struct RequestFlaw: Sendable, Equatable {
  /// Its key.
  public var key: String
  /// With the place in it: `with.expect: the list is empty`.
  public var message: String

  public init(key: String, message: String) {
    self.key = key
    self.message = message
  }
}
