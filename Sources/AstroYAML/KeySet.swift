/// The keys a mapping may have.
public struct KeySet: Sendable, ExpressibleByArrayLiteral {
  public let names: [StaticString]
  /// Keys of the language that this version does not act on yet; refused by name, so that nobody believes they work.
  public let notYetSupported: [StaticString]
  /// Keys that are accepted and not offered to anybody.
  public let ignored: [StaticString]
  /// Keys of other places, and which: a `timeout` at the top of a file was meant for its tasks.
  public let elsewhere: [(names: [StaticString], place: String)]

  public init(
    _ names: [StaticString], notYetSupported: [StaticString] = [], ignored: [StaticString] = [],
    elsewhere: [(names: [StaticString], place: String)] = []
  ) {
    self.names = names
    self.notYetSupported = notYetSupported
    self.ignored = ignored
    self.elsewhere = elsewhere
  }

  public init(arrayLiteral names: StaticString...) { self.init(names) }
}

extension StaticString {
  public var text: String { withUTF8Buffer { String(decoding: $0, as: UTF8.self) } }
}
