/// Whose work the current task does: what every log line under it carries without being told.
public enum LogContext {
  /// The identifiers of one line; `nil` ones are left out.
  public struct Context: Sendable, Equatable {
    /// One per invocation, `req-` and 8 hexadecimal digits.
    public var requestID: String?
    public var userID: String?
    public var workflowID: String?

    public init(requestID: String? = nil, userID: String? = nil, workflowID: String? = nil) {
      self.requestID = requestID
      self.userID = userID
      self.workflowID = workflowID
    }
  }

  /// The context of the current task, inherited by its child tasks.
  @TaskLocal public static var current = Context()

  /// Runs `body` with the given identifiers set; those not given stay as they are.
  public static func with<T>(
    requestID: String? = nil, userID: String? = nil, workflowID: String? = nil, _ body: () throws -> T
  ) rethrows -> T {
    try $current.withValue(extended(requestID, userID, workflowID), operation: body)
  }

  /// The same for an asynchronous body, on the caller's actor.
  public static func with<T>(
    requestID: String? = nil, userID: String? = nil, workflowID: String? = nil,
    isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> T
  ) async rethrows -> T {
    try await $current.withValue(extended(requestID, userID, workflowID), operation: body)
  }

  /// A new request identifier: `req-` and 8 hexadecimal digits.
  public static func mintRequestID(using random: inout some RandomNumberGenerator) -> String {
    let digits = String(UInt32.random(in: .min ... .max, using: &random), radix: 16)
    return "req-" + String(repeating: "0", count: 8 - digits.utf8.count) + digits
  }

  private static func extended(_ requestID: String?, _ userID: String?, _ workflowID: String?) -> Context {
    let outer = current
    return Context(
      requestID: requestID ?? outer.requestID, userID: userID ?? outer.userID,
      workflowID: workflowID ?? outer.workflowID)
  }
}
