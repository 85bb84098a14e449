public import AstroCore

/// What a server could not do, or what it did wrong.
public struct MCPFailure: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Kind: Sendable, Equatable {
    /// It could not be started, or speaks no revision that is spoken here.
    case notStarted
    /// It answered this call with an error, as for a tool it does not have; it serves on.
    case refused
    case timedOut
    /// It asks for somebody's input before it goes on.
    case needsInput
    /// It has died, or said what cannot be borne.
    case broken
    case cancelled
  }

  public var kind: Kind
  public var server: String
  /// The end of a sentence that begins with the server.
  public var message: String
  /// What it answered with, where it refused.
  public var error: JSONRPCError?

  public init(_ kind: Kind, _ server: String, _ message: String, error: JSONRPCError? = nil) {
    self.kind = kind
    self.server = server
    self.message = message
    self.error = error
  }

  public var description: String { "MCP server '\(server)' \(message)" }

  /// The same as a failure of whatever needed it.
  public var failure: Failure {
    let code: Failure.Code =
      switch kind {
      case .cancelled: .interrupted
      case .notStarted, .broken, .timedOut: .unavailable
      case .refused, .needsInput: .invalidWorkflow
      }
    return Failure(code, subject: "MCP server '\(server)'", message: message)
  }
}
