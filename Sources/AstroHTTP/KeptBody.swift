import Synchronization

/// Parts that are here already.
final class KeptBody: HTTPBodySource {
  private let rest: Mutex<(parts: ArraySlice<[UInt8]>, failure: HTTPFailure?)>

  init(_ parts: [[UInt8]], _ failure: HTTPFailure?) { rest = Mutex((parts.filter { !$0.isEmpty }[...], failure)) }

  func next() async throws(HTTPFailure) -> [UInt8]? {
    let (part, failure) = rest.withLock { ($0.parts.popFirst(), $0.failure) }
    if part == nil, let failure { throw failure }
    return part
  }

  func close() { rest.withLock { $0 = ([], nil) } }
}
