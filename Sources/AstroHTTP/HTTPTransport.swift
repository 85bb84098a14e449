/// Sends requests over HTTP. The real form is ``HTTPClientPool``; tests answer from memory.
public protocol HTTPTransport: Sendable {
  /// Sends `request` and returns when the head of the answer is there; the body is read from it as it comes. Redirects
  /// are answers like any other: ``send(_:within:redirects:)`` follows them.
  ///
  /// Cancelling the task, here or while it reads the body, closes the connection at once and throws
  /// ``HTTPFailure/Cause/cancelled``. An answer whose body is not read to its end must be closed
  /// (``HTTPBody/close()``); letting go of it does the same.
  func send(_ request: HTTPRequest, within timeouts: HTTPTimeouts) async throws(HTTPFailure) -> HTTPResponse

  /// Closes every connection; what is under way fails as ``HTTPFailure/Cause/shutDown``. Nothing can be sent afterwards.
  func shutdown() async
}
