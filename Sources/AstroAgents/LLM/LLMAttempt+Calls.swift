import AstroCore
import AstroHTTP
import AstroLLM

extension LLMAttempt {
  /// What a provider asks to wait at most while the attempt keeps its slot; for longer it is parked.
  static let longestWait = Duration.seconds(30)

  /// Makes one call, as often as it takes, and tells the loop what came of it.
  /// - Returns: the attempt's end, where it is to go on later; else `nil`.
  mutating func make(_ call: ModelRequest, _ ceiling: CallCeiling) async throws(Failure) -> PerformanceResult? {
    var tries = 0
    while true {
      let planned = PlannedCall(to: seat.id, ceiling)
      let id: CallID
      switch await desk.leave(for: planned, patience: .zero) {
      case .granted(let granted): id = granted
      case .notBefore(let refusal): return .parked(refusal, next: planned)
      case .overBudget(let why): return .held(why, next: planned)
      case .spent(let until, let why):
        guard seats.count > 1 else { return .parked(LimitRefusal(.key(of: seat.id), until: until), next: planned) }
        try await giveUp(.providerQuota, "the key of '\(seat.id)' is used up: \(why)", nil)
        return nil
      case .gone:
        loop.end(with: .interrupted)
        return nil
      case .never(let why):
        // What a fallback can never do, the one after it may.
        if seat.id != agent.settings.id, seats.count > 1 {
          try await giveUp(.rateLimited, why, nil)
        } else {
          loop.end(with: StepEnding(.rateLimited, message: why))
        }
        return nil
      }
      let encoded = encode(call)
      // The same in each turn: said once is enough.
      let notes = loop.turns == 0 ? (try? encoded.get().notes) ?? [] : []
      try await write([.call(turn: loop.turns + 1, agent: seat.id, model: call.model, id: id, notes: notes)])
      let started = agent.clock.now().boot
      let exchange = await exchange(call, encoded)
      let duration = Duration.microseconds(agent.clock.now().boot - started)
      switch try await settle(exchange, id, call, duration) {
      case .done: return nil
      case .parked(let wait):
        return .parked(LimitRefusal(.provider(of: seat.id), until: agent.clock.now().wall + wait), next: planned)
      case .again: continue
      case .tryLater(let after, let message):
        tries += 1
        guard tries <= seat.retries else {
          try await giveUp(.providerError, message, exchange.partial)
          return nil
        }
        do { try await agent.sleep(agent.backoff(tries, after)) } catch {
          loop.end(with: .interrupted)
          return nil
        }
      }
    }
  }

  /// What is to be done after a call.
  enum Sequel {
    /// The loop knows.
    case done
    /// Not before the provider's limit lets it.
    case parked(Duration)
    /// At once, the request having been changed.
    case again
    case tryLater(after: Duration?, String)
  }

  /// Accounts for a call, and says what follows. The transcript comes first: what was paid for must not be paid for again.
  private mutating func settle(
    _ exchange: Exchange, _ id: CallID, _ call: ModelRequest, _ duration: Duration
  ) async throws(Failure) -> Sequel {
    var account = CallAccount(
      model: call.model, status: .error, usage: nil, cost: nil,
      sentAt: agent.clock.now().boot - duration.microseconds, duration: duration, notice: exchange.notice)
    switch exchange {
    case .answered(let answer, _):
      account = accountFor(answer, account)
      try await write([.answer(turn: loop.turns + 1, answer, cost: account.cost)], durable: true)
      await desk.settle(id, account)
      refusals = 0
      loop.receive(answer, cost: account.cost)
      return .done
    case .broken(let partial, let why, _):
      let message = "\(seat.id): the answer cannot be used: \(why)"
      try await write([.setback(turn: loop.turns + 1, .error, message)])
      await desk.settle(id, account)
      if Task.isCancelled { return interrupt() }
      // What had come is paid for, and would be paid for again.
      guard !partial.isEmpty else { return .tryLater(after: nil, message) }
      try await giveUp(.providerError, message, partial)
      return .done
    case .unreachable(let failure, let partial):
      if failure.isUnsent { (account.usage, account.cost) = (TokenUsage(), .zero) }
      try await write([.setback(turn: loop.turns + 1, .error, failure.description, usage: account.usage)])
      await desk.settle(id, account)
      if Task.isCancelled { return interrupt() }
      return try await follow(failure, partial)
    case .refused(let verdict, let notice, let partial):
      // Answers that are none cost nothing; what one that had begun cost, nobody said.
      if partial.isEmpty { (account.usage, account.cost) = (TokenUsage(), .zero) }
      return try await follow(verdict, notice, id, account)
    }
  }

  /// What fails while the attempt is cancelled fails because of that, whatever it looks like.
  private mutating func interrupt() -> Sequel {
    loop.end(with: .interrupted)
    return .done
  }

  private func accountFor(_ answer: Answer, _ account: CallAccount) -> CallAccount {
    var account = account
    account.status = .success
    account.usage = answer.usage
    let price = seat.prices.price(of: account.model)
    account.cost = answer.usage.flatMap { price?.cost(of: $0, tier: ServiceTier(answer: answer.serviceTier)) }
    account.model = answer.model.map(hide) ?? account.model
    return account
  }

  private mutating func follow(_ failure: HTTPFailure, _ partial: Answer?) async throws(Failure) -> Sequel {
    switch failure.cause {
    case .cancelled: return interrupt()
    case .timeout(.total, _):
      loop.end(with: StepEnding(.timeout, message: failure.description, infrastructure: true), partial: partial)
    case .badRequest, .denied, .tooManyRedirects, .redirectLoop, .badRedirect, .shutDown:
      try await giveUp(.providerError, failure.description, partial)
    case .resolution, .connect, .proxy, .tls, .timeout, .closed, .malformed:
      guard partial?.isEmpty ?? true else {
        try await giveUp(.providerError, failure.description, partial)
        return .done
      }
      return .tryLater(after: nil, failure.description)
    }
    return .done
  }

  private mutating func follow(
    _ verdict: AnswerVerdict, _ notice: ProviderNotice?, _ id: CallID, _ account: CallAccount
  ) async throws(Failure) -> Sequel {
    var account = account
    switch verdict {
    case .refusedByLimit(var notice, let message):
      refusals += 1
      let wait = Self.pause(told: notice.wait, refusals: refusals)
      notice.wait = wait
      (account.status, account.notice) = (.refused, notice)
      try await write([.setback(turn: loop.turns + 1, .refused, message, usage: account.usage)])
      await desk.settle(id, account)
      return .parked(wait)
    case .retryable(let after?, let message) where after > Self.longestWait:
      try await write([.setback(turn: loop.turns + 1, .refused, message, usage: account.usage)])
      await desk.settle(id, account)
      return .parked(after)
    case .quotaExhausted(let message): account.notice = ProviderNotice(quota: message)
    default: break
    }
    try await write([.setback(turn: loop.turns + 1, .error, verdict.message, usage: account.usage)])
    await desk.settle(id, account)
    return try await conclude(verdict)
  }

  private mutating func conclude(_ verdict: AnswerVerdict) async throws(Failure) -> Sequel {
    let message = "\(seat.id): \(verdict.message)"
    switch verdict {
    case .answered, .refusedByLimit: preconditionFailure("a verdict that was dealt with")
    case .retryable(let after, _): return .tryLater(after: after, message)
    case .unsupported(let parameter, _) where agent.avoid(parameter, for: seat): return .again
    case .quotaExhausted:
      try await giveUp(.providerQuota, message, nil)
    case .misconfigured: try await giveUp(.providerError, message, nil)
    case .contextTooLong: loop.end(with: StepEnding(.maxTokens, message: "the prompt is too long: \(message)"))
    case .refusedByContent: loop.end(with: StepEnding(.refused, message: message))
    case .rejected, .unsupported: loop.end(with: StepEnding(.providerError, message: message))
    }
    return .done
  }

  /// How long nothing is sent after so many refusals by a limit in a row: as long as the provider says, and longer each time
  /// where it does not, or where that was too short twice.
  static func pause(told: Duration?, refusals: Int) -> Duration {
    let backoff = Duration.seconds(1 << min(max(0, refusals - 1), 6))
    guard let told else { return min(backoff, .seconds(60)) }
    return refusals > 2 ? max(told, min(backoff, .seconds(60))) : told
  }

  /// The agent cannot go on: its next fallback does, else the step ends.
  private mutating func giveUp(_ ending: AgentEnding, _ message: String, _ partial: Answer?) async throws(Failure) {
    guard seats.count > 1 else {
      return loop.end(with: StepEnding(ending, message: message, infrastructure: true), partial: partial)
    }
    seats.removeFirst()
    try await write([.fallback(agent: seat.id, message)], durable: true)
  }
}

extension AnswerVerdict {
  /// The provider's words.
  var message: String {
    switch self {
    case .answered: "answered"
    case .refusedByLimit(_, let message), .quotaExhausted(let message), .retryable(_, let message),
      .contextTooLong(let message), .misconfigured(let message), .refusedByContent(let message),
      .unsupported(_, let message), .rejected(let message):
      message
    }
  }
}
