/// Where the parts of a body come from, for one reader.
public protocol HTTPBodySource: Sendable {
  /// The next part, never empty; `nil` at the end, and ever after.
  func next() async throws(HTTPFailure) -> [UInt8]?
  /// No more is wanted: closes the connection unless the body has ended. Repeating it is harmless.
  func close()
}

/// The body of an answer, in parts as they come from the connection. It can be read once, by one task.
///
/// The connection reads ahead by 64 KiB and one part at most, so that a server that is faster than the reader fills no
/// memory. What came before a failure is given out before it is thrown.
public struct HTTPBody: AsyncSequence, Sendable {
  public typealias Element = [UInt8]
  public typealias Failure = HTTPFailure

  private let source: any HTTPBodySource

  public init(_ source: any HTTPBodySource) { self.source = source }

  /// A body that is here already, then its end or `failure`.
  public init(parts: [[UInt8]], failure: HTTPFailure? = nil) { source = KeptBody(parts, failure) }

  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(source: source) }

  public struct AsyncIterator: AsyncIteratorProtocol {
    let source: any HTTPBodySource

    public mutating func next() async throws(HTTPFailure) -> [UInt8]? { try await source.next() }
    public mutating func next(isolation: isolated (any Actor)?) async throws(HTTPFailure) -> [UInt8]? {
      try await source.next()
    }
  }

  /// Closes the connection unless the body has ended.
  public func close() { source.close() }

  /// The first bytes of the body, `limit` at most; closes the connection when there are more. Memory never grows past
  /// `limit` and one part.
  public func collect(first limit: Int) async throws(HTTPFailure) -> (bytes: [UInt8], whole: Bool) {
    var bytes: [UInt8] = []
    while let part = try await source.next() {
      guard part.count <= limit - bytes.count else {
        source.close()
        bytes += part.prefix(limit - bytes.count)
        return (bytes, false)
      }
      bytes += part
    }
    return (bytes, true)
  }
}
