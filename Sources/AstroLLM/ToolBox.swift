public import AstroCore

/// The tools of one attempt, wherever they run. A tool never sees the runner's secrets.
public protocol ToolBox: Sendable {
  /// Those the task may call; may start what serves them.
  func list() async throws(Failure) -> [OfferedTool]
  /// Calls one. What the tool itself finds wrong is an outcome for the model to read; thrown is what ends the step.
  ///
  /// Cancelling the task ends the call with nothing of it left running.
  func call(_ name: String, arguments: JSONValue) async throws(Failure) -> ToolOutcome
  /// Ends what was started.
  func close() async
}

public struct OfferedTool: Sendable, Hashable {
  public var description: ToolDescription
  /// Calling it twice does no more than calling it once: after a crash in the middle it may be called again.
  public var isIdempotent: Bool

  public init(_ description: ToolDescription, isIdempotent: Bool = false) {
    self.description = description
    self.isIdempotent = isIdempotent
  }
}

public struct ToolOutcome: Sendable, Hashable {
  public var text: String
  public var isError: Bool

  public init(_ text: String, isError: Bool = false) {
    self.text = text
    self.isError = isError
  }
}
