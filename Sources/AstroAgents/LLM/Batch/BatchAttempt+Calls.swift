import AstroCore
import AstroHTTP
import AstroLLM

/// What became of one request of a batch.
enum BatchOutcome: Sendable {
  /// Its result is on disk, and who it came from.
  case written(Result, by: Int)
  /// It has none yet: the one it was sent to can serve nobody now, and why.
  case forsaken(by: Int, BatchAttempt.Halt)
  /// It has none yet.
  case left(BatchAttempt.Halt, isRefusal: Bool = false)

  enum Result: Sendable {
    case success
    /// The request's own fault.
    case refused
    /// Tried as often as anything is; why it came to nothing.
    case givenUp(String)
  }
}

/// One request on its way to one of those it may go to.
struct BatchSending: Sendable {
  var line: BatchLine
  var raw: RawCall
  var ceiling: CallCeiling
  /// Which of them it is sent to, and whether there is another after it.
  var place: Int
  var hasNext: Bool
  /// Refusals by limits so far.
  var refusals: Int
  /// How often it is tried again.
  var retries: Int
  var tries = 0

  var isLastTry: Bool { tries > retries }
}

extension BatchAttempt {
  /// The most that is read of an answer, in bytes.
  private static let longestAnswer = 16 << 20

  /// Makes one call, as often as it takes, to one after the other.
  func perform(_ call: BatchCall, refusals: Int) async -> BatchOutcome {
    do throws(Failure) {
      for place in open.dropLast() {
        let sending = try sending(call, to: place, refusals, hasNext: true)
        if let outcome = try await perform(sending) { return outcome }
      }
      let last = try sending(call, to: open[open.count - 1], refusals, hasNext: false)
      guard let outcome = try await perform(last) else { preconditionFailure("nobody comes after the last") }
      return outcome
    } catch {
      // A result that cannot be kept: going on would only pay for more of them.
      return .left(.failed(.providerError, hide(error.description)))
    }
  }

  /// A fallback with a model of its own answers with that one.
  private func sending(
    _ call: BatchCall, to place: Int, _ refusals: Int, hasNext: Bool
  ) throws(Failure) -> BatchSending {
    var raw = call.raw
    if place > 0, let model = seats[place].model {
      do throws(JSONScanner.Malformed) { raw = try raw.asking(model) } catch {
        throw Failure(.io, subject: "line \(call.line.number)", message: "is not what was submitted: \(error.message)")
      }
    }
    return BatchSending(
      line: call.line, raw: raw, ceiling: agent.ceiling(of: raw, at: seats[place]), place: place,
      hasNext: hasNext, refusals: refusals, retries: seats[place].retries)
  }

  /// - Returns: `nil` when the next one is to be asked.
  private func perform(_ first: BatchSending) async throws(Failure) -> BatchOutcome? {
    var call = first
    let seat = seats[call.place]
    while true {
      if Task.isCancelled { return .left(.cancelled) }
      let id: CallID
      let planned = PlannedCall(to: seat.id, call.ceiling, line: call.line.number)
      switch await desk.leave(for: planned, patience: LLMAttempt.longestWait) {
      case .granted(let granted): id = granted
      case .notBefore(let refusal): return .left(.pause(refusal))
      case .spent(let until, _):
        return .forsaken(by: call.place, .pause(LimitRefusal(.key(of: seat.id), until: until)))
      case .overBudget(let why): return .left(.overBudget(why))
      case .gone: return .left(.cancelled)
      case .never(let why): return .left(.failed(.rateLimited, "line \(call.line.number): \(why)", isOwn: true))
      }
      let started = agent.clock.now().boot
      let sent = await send(call.raw, to: seat)
      let account = CallAccount(
        model: call.ceiling.model, status: .error, usage: nil, cost: nil, sentAt: started,
        duration: .microseconds(agent.clock.now().boot - started))
      call.tries += 1
      let sequel =
        switch sent {
        case .success(let answer): try await take(answer, of: call, id, account)
        case .failure(let failure): try await take(failure, of: call, id, account)
        }
      switch sequel {
      case .over(let outcome): return outcome
      case .next: return nil
      case .again(let after): try? await agent.sleep(agent.backoff(call.tries, after))
      }
    }
  }

  private enum Sequel {
    case over(BatchOutcome)
    case again(after: Duration?)
    /// Whoever is asked next may do better.
    case next
  }

  private enum Trouble: Error {
    case unreachable(HTTPFailure)
    case misconfigured(String)
    case tooLong
  }

  private func send(_ call: RawCall, to settings: LLMSettings) async -> Result<RawAnswer, Trouble> {
    let encoder = DialectEncoder(
      dialect: settings.dialect, baseURL: settings.baseURL, version: settings.version, headers: settings.headers)
    let key: String?
    do throws(Failure) { key = try settings.key() } catch { return .failure(.misconfigured(error.description)) }
    do throws(HTTPFailure) {
      let response = try await agent.transport.send(encoder.encode(call, key: key), within: settings.timeouts)
      let (bytes, isWhole) = try await response.body.collect(first: Self.longestAnswer)
      guard isWhole else { return .failure(.tooLong) }
      // The words of an error are cut; half a secret would not be known any more.
      let body = response.status < 300 ? bytes : masked(bytes)
      return .success(
        RawAnswer(
          call.endpoint, status: response.status, headers: response.headers, body: body, now: agent.clock.now().wall))
    } catch {
      return .failure(.unreachable(error))
    }
  }

  // MARK: Answers

  private func take(
    _ answer: RawAnswer, of call: BatchSending, _ id: CallID, _ account: CallAccount
  ) async throws(Failure) -> Sequel {
    var account = account
    let seat = seats[call.place]
    account.notice = answer.notice
    if let said = answer.answer { return .over(try await keep(said, answer, of: call, id, account)) }
    // Answers that are none cost nothing; what a broken one cost, nobody said.
    if answer.status >= 300 { (account.usage, account.cost) = (TokenUsage(), .zero) }
    let message = "\(seat.id): \(hide(answer.verdict.message))"
    switch answer.verdict {
    case .refusedByLimit(var notice, _):
      let wait = LLMAttempt.pause(told: notice.wait, refusals: call.refusals + 1)
      notice.wait = wait
      (account.status, account.notice) = (.refused, notice)
      await desk.settle(id, account)
      return .over(.left(pause(by: seat, for: wait), isRefusal: true))
    case .retryable(let after?, _) where after > LLMAttempt.longestWait:
      await desk.settle(id, account)
      return .over(.left(pause(by: seat, for: after)))
    case .retryable(let after, _) where !call.isLastTry:
      await desk.settle(id, account)
      return .again(after: after)
    case .retryable where call.hasNext:
      await desk.settle(id, account)
      return .next
    case .quotaExhausted(let words):
      account.notice = ProviderNotice(quota: hide(words))
      await desk.settle(id, account)
      return .over(.forsaken(by: call.place, .failed(.providerQuota, message)))
    // Of the key, and so of every request; a model that there is not is one line's own.
    case .misconfigured where answer.status == 401 || answer.status == 403:
      await desk.settle(id, account)
      return .over(.forsaken(by: call.place, .failed(.providerError, message)))
    case .answered, .retryable, .misconfigured, .contextTooLong, .refusedByContent, .rejected, .unsupported:
      // Called an answer by its status, and none: its line must not look like one.
      guard answer.status >= 300 else {
        return .over(try await fail(call, id, account, "unusable_answer", message))
      }
      try await write(BatchResultLine.response(answer, to: call.line, of: request.key.workflow))
      await desk.settle(id, account)
      if case .retryable = answer.verdict {
        return .over(.written(.givenUp(message), by: call.place))
      }
      return .over(.written(.refused, by: call.place))
    }
  }

  private func keep(
    _ said: Answer, _ answer: RawAnswer, of call: BatchSending, _ id: CallID, _ account: CallAccount
  ) async throws(Failure) -> BatchOutcome {
    var account = account
    account.succeed(with: said, price: seats[call.place].prices.price(of: call.ceiling.model))
    account.model = hide(account.model)
    // Paid for: it must be kept before it is said to be.
    try await write(BatchResultLine.response(answer, to: call.line, of: request.key.workflow))
    await desk.settle(id, account)
    return .written(.success, by: call.place)
  }

  private func pause(by seat: LLMSettings, for wait: Duration) -> BatchAttempt.Halt {
    .pause(LimitRefusal(.provider(of: seat.id), until: agent.clock.now().wall + wait))
  }

  private func write(_ line: [UInt8]) async throws(Failure) { try await results.append(masked(line)) }

  // MARK: No answer

  private func take(
    _ trouble: Trouble, of call: BatchSending, _ id: CallID, _ account: CallAccount
  ) async throws(Failure) -> Sequel {
    var account = account
    let failure: HTTPFailure
    switch trouble {
    case .misconfigured(let message):
      (account.usage, account.cost) = (TokenUsage(), .zero)
      await desk.settle(id, account)
      return .over(.forsaken(by: call.place, .failed(.providerError, message)))
    case .tooLong:
      return .over(
        try await fail(
          call, id, account, "answer_too_long",
          "the answer is longer than \(Notation.spell(bytes: Int64(Self.longestAnswer)))"))
    case .unreachable(let cause): failure = cause
    }
    if failure.isUnsent { (account.usage, account.cost) = (TokenUsage(), .zero) }
    // Whatever it looks like, it comes of that: a result made of it would stay.
    if Task.isCancelled {
      await desk.settle(id, account)
      return .over(.left(.cancelled))
    }
    switch failure.cause {
    case .cancelled, .shutDown:
      await desk.settle(id, account)
      return .over(.left(.cancelled))
    case .badRequest, .denied, .tooManyRedirects, .redirectLoop, .badRedirect:
      await desk.settle(id, account)
      return .over(.forsaken(by: call.place, .failed(.providerError, hide(failure.description))))
    case .timeout(.total, _): return .over(try await fail(call, id, account, "timeout", hide(failure.description)))
    case .resolution, .connect, .proxy, .tls, .timeout, .closed, .malformed: break
    }
    guard call.isLastTry else {
      await desk.settle(id, account)
      return .again(after: nil)
    }
    // Nobody is there: that says nothing of this request, and it would be the same with all others.
    guard !failure.isUnreachable else {
      await desk.settle(id, account)
      return .over(.forsaken(by: call.place, .failed(.providerError, hide(failure.description))))
    }
    guard !call.hasNext else {
      await desk.settle(id, account)
      return .next
    }
    return .over(try await fail(call, id, account, "no_answer", hide(failure.description)))
  }

  private func fail(
    _ call: BatchSending, _ id: CallID, _ account: CallAccount, _ code: String, _ message: String
  ) async throws(Failure) -> BatchOutcome {
    try await write(BatchResultLine.error(code, message, to: call.line, of: request.key.workflow))
    await desk.settle(id, account)
    return .written(.givenUp(message), by: call.place)
  }
}

extension BatchAttempt.Halt {
  static let cancelled = BatchAttempt.Halt.ended(.init(.cancelled, message: "cancelled"))

  /// - Parameter isOwn: the file's own fault, or its limit's, and not the agent's.
  static func failed(_ ending: AgentEnding, _ message: String, isOwn: Bool = false) -> BatchAttempt.Halt {
    .ended(.init(ending, message: message, infrastructure: !isOwn))
  }

  /// Whether it is that the key of an agent is used up.
  var isOfKey: Bool {
    switch self {
    case .pause(let refusal): refusal.place.limiter == LimiterName.quota
    case .ended(let ending): ending.ending == .providerQuota
    case .overBudget: false
    }
  }
}
