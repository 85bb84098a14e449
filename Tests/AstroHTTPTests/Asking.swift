import Testing

@testable import AstroHTTP

/// Long enough never to be what ends a test.
let patient = HTTPTimeouts(connect: .seconds(600), firstByte: .seconds(600), idle: .seconds(600), total: .seconds(600))

extension HTTPTransport {
  func get(_ url: String, within timeouts: HTTPTimeouts = patient) async throws(HTTPFailure) -> HTTPResponse {
    try await send(HTTPRequest(url: url), within: timeouts)
  }

  /// The whole body as text.
  func text(_ url: String, within timeouts: HTTPTimeouts = patient) async throws(HTTPFailure) -> String {
    try await get(url, within: timeouts).text()
  }

  /// How asking for `url`, body and all, fails, as one sentence; what came instead where it does not fail.
  func flaw(_ url: String, within timeouts: HTTPTimeouts = patient) async -> String {
    do throws(HTTPFailure) {
      return "no failure: \(try await text(url, within: timeouts))"
    } catch {
      return error.description
    }
  }
}

extension HTTPResponse {
  func text() async throws(HTTPFailure) -> String {
    String(decoding: try await body.collect(first: 1 << 20).bytes, as: UTF8.self)
  }
}

/// Knows the names it is told, and counts how often it is asked.
actor Names: NameResolver {
  private let addresses: [String: [String]]
  private(set) var asked: [String] = []

  init(_ addresses: [String: [String]]) { self.addresses = addresses }

  func addresses(of name: String, within limit: Duration) async throws(ResolutionProblem) -> [IPAddress] {
    asked.append(name)
    guard let known = addresses[name] else { throw .unknown("Name or service not known") }
    return known.compactMap { IPAddress($0) }
  }
}
