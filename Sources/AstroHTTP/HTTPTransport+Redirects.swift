extension HTTPTransport {
  /// Sends `request` and follows redirects, `most` at most; each goes through the transport like a first request, so that
  /// its address is checked again. `timeouts.total` covers all of them. With `most` 0 a redirect is an answer.
  ///
  /// 303 becomes a GET without a body; so do 301 and 302 where the request was a POST, as in every browser (RFC 9110,
  /// 15.4). To another origin only header fields go along that say what is wanted, never `Authorization`, cookies or the
  /// sender's own, any of which may be a key.
  /// - Returns: the answer, and the URL that gave it.
  public func send(
    _ request: HTTPRequest, within timeouts: HTTPTimeouts, redirects most: Int
  ) async throws(HTTPFailure) -> (response: HTTPResponse, url: String) {
    let start = ContinuousClock.now
    var request = request
    var rest = timeouts
    var seen: Set<RedirectStep> = []
    for step in 0... {
      let response = try await send(request, within: rest)
      guard most > 0, let location = Self.location(of: response) else { return (response, request.url) }
      response.body.close()
      seen.insert(RedirectStep(request))
      let next = try Self.next(after: request, status: response.status, location)
      if seen.contains(RedirectStep(next)) { throw HTTPFailure(.redirectLoop, url: request.url) }
      guard step < most else { throw HTTPFailure(.tooManyRedirects(most), url: request.url) }
      request = next
      rest.spent = timeouts.spent + (ContinuousClock.now - start)
    }
    preconditionFailure("a loop without an end ended")
  }

  private static func location(of response: HTTPResponse) -> String? {
    [301, 302, 303, 307, 308].contains(response.status) ? response.headers["location"] : nil
  }

  private static func next(
    after request: HTTPRequest, status: Int, _ location: String
  ) throws(HTTPFailure) -> HTTPRequest {
    let from = try HTTPURL(request.url)
    let to: HTTPURL
    do throws(HTTPURL.Malformed) {
      to = try from.resolving(location)
    } catch {
      throw HTTPFailure(.badRedirect("'\(HTTPFailure.shown(location))': \(error.message)"), url: request.url)
    }
    var next = request
    next.url = to.text
    if status == 303 && request.method != "HEAD" || status < 303 && request.method == "POST" {
      next.method = "GET"
      next.body = []
      next.headers.removeAll { field in Self.ofBody.contains { HTTPFields.same($0, field.name) } }
    }
    next.headers.removeAll { field in HTTPFields.same("host", field.name) }
    if to.origin != from.origin {
      next.headers = next.headers.filter { field in Self.forAnybody.contains { HTTPFields.same($0, field.name) } }
    }
    return next
  }

  private static var ofBody: [String] { ["content-type", "content-encoding", "content-language"] }
  private static var forAnybody: [String] {
    ["accept", "accept-language", "content-type", "content-encoding", "content-language", "range", "user-agent"]
  }
}

/// What makes a request the same again.
private struct RedirectStep: Hashable {
  let method: String
  let url: String

  init(_ request: HTTPRequest) {
    method = request.method
    url = (try? HTTPURL(request.url))?.text ?? request.url
  }
}
