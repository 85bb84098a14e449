/// An agent of type exec: a program that reads one JSON request and writes one JSON result.
public struct ExecSettings: Sendable, Equatable {
  /// The program and its arguments.
  public var command: [String]
  public var environment: [NamedValue] = []
  /// The version of the exchange, which the request names. There is one so far.
  public var protocolVersion = 1
  /// Of tasks that do not say; `nil` is none.
  public var timeout: Duration?

  public init(command: [String]) { self.command = command }
}
