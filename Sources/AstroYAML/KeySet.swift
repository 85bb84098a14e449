/// The keys a mapping may have.
public struct KeySet: Sendable, ExpressibleByArrayLiteral {
  public let names: [StaticString]
  /// Keys of the language that this version does not act on yet; refused by name, so that nobody believes they work.
  public let notYetSupported: [StaticString]

  public init(_ names: [StaticString], notYetSupported: [StaticString] = []) {
    self.names = names
    self.notYetSupported = notYetSupported
  }

  public init(arrayLiteral names: StaticString...) { self.init(names) }
}

extension StaticString {
  var text: String { withUTF8Buffer { String(decoding: $0, as: UTF8.self) } }
}
