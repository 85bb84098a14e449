import AstroCore
import AstroHTTP
import AstroLLM

/// What came of sending one call.
enum Exchange {
  case answered(Answer, ProviderNotice?)
  /// A head that promised an answer, and no whole one: what had come, and why.
  case broken(Answer, String, ProviderNotice?)
  /// The provider said something else than an answer.
  case refused(AnswerVerdict, ProviderNotice?, partial: Answer)
  /// No answer; what of one had come.
  case unreachable(HTTPFailure, Answer?)

  var notice: ProviderNotice? {
    switch self {
    case .answered(_, let notice), .broken(_, _, let notice), .refused(_, let notice, _): notice
    case .unreachable: nil
    }
  }

  var partial: Answer? {
    switch self {
    case .answered(let answer, _), .broken(let answer, _, _), .refused(_, _, let answer): answer
    case .unreachable(_, let answer): answer
    }
  }
}

extension LLMAttempt {
  /// The most that is read of an answer that is none, in bytes.
  private static let longestError = 1 << 20

  /// The call in its provider's form; with the key, so that it goes nowhere but to the provider.
  func encode(_ call: ModelRequest) -> Result<DialectEncoder.Encoded, Failure> {
    let seat = seat
    let encoder = DialectEncoder(
      dialect: seat.dialect, baseURL: seat.baseURL, version: seat.version, headers: seat.headers,
      adaptation: agent.adaptation(of: seat))
    return Result { () throws(Failure) in encoder.encode(call, key: try seat.key()) }
  }

  func exchange(_ call: ModelRequest, _ encoded: Result<DialectEncoder.Encoded, Failure>) async -> Exchange {
    let seat = seat
    let request: HTTPRequest
    switch encoded {
    case .success(let encoded): request = encoded.request
    case .failure(let failure): return .refused(.misconfigured(failure.description), nil, partial: Answer())
    }
    do throws(HTTPFailure) {
      let response = try await agent.transport.send(request, within: seat.timeouts)
      let limits = LimitHeaders(response.headers, now: agent.clock.now().wall)
      guard (200..<300).contains(response.status) else {
        let body = try await response.body.collect(first: Self.longestError).bytes
        // Before its words are cut: half a secret would not be known any more.
        let reply = ProviderReply(
          status: response.status, headers: response.headers, body: masked(body), now: agent.clock.now().wall)
        return .refused(AnswerVerdict(reply), limits.notice, partial: Answer())
      }
      return await read(response, seat.dialect, limits.notice)
    } catch {
      return .unreachable(error, nil)
    }
  }

  private func read(
    _ response: HTTPResponse, _ dialect: Dialect, _ notice: ProviderNotice?
  ) async -> Exchange {
    var assembler = AnswerAssembler(dialect: dialect)
    var failure: HTTPFailure?
    do throws(HTTPFailure) {
      var parts = response.body.makeAsyncIterator()
      while !assembler.isSpoiled, let part = try await parts.next() { assembler.read(part) }
    } catch { failure = error }
    response.body.close()
    switch assembler.finish() {
    case .whole(let answer): return .answered(answer, notice)
    case .failed(var error, let partial):
      error.message = hide(error.message)
      let reply = ProviderReply(streamed: error, headers: response.headers, now: agent.clock.now().wall)
      return .refused(AnswerVerdict(reply), notice, partial: partial)
    case .broken(let partial, let why):
      return failure.map { .unreachable($0, partial) } ?? .broken(partial, why, notice)
    }
  }
}
