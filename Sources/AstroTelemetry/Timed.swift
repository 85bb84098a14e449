import AstroCore
public import Logging

/// Runs `body` and logs how long it took, once: DEBUG when it returned, ERROR with the error when it threw. The line's
/// `function` is the caller's; `duration_ms` is measured on a clock that never steps.
public func timed<T, E: Error>(
  _ function: String = #function, logger: Logger, metadata: @autoclosure () -> Logger.Metadata = [:],
  file: String = #fileID, line: UInt = #line, _ body: () throws(E) -> T
) throws(E) -> T {
  let start = ContinuousClock.now
  func fields(_ status: String) -> Logger.Metadata {
    var fields = metadata()
    fields["duration_ms"] = .stringConvertible((ContinuousClock.now - start).milliseconds)
    fields["status"] = .string(status)
    return fields
  }
  do {
    let result = try body()
    logger.debug("Operation completed", metadata: fields("success"), file: file, function: function, line: line)
    return result
  } catch {
    logger.error(
      "Operation failed", error: error, metadata: fields("failure"), file: file, function: function, line: line)
    throw error
  }
}
