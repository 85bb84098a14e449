import AstroAgents
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroProcess
import AstroScheduling
import AstroTelemetry
import Logging

/// Attempts that agents perform themselves: begun like others, in the journal first; each call of theirs asks leave here and
/// is settled here, in the transactions of the loop.
extension Runner {
  /// What an attempt needs of limits and budgets to begin.
  func demand(of start: AttemptStart) -> Allowances.Demand {
    var demand = demand(of: start, for: nil)
    demand.isStart = true
    // What is wrong with a request is told by whoever performs it, as the end of the attempt.
    if let next = nextCeilings[start.key], performers[start.agent] != nil {
      demand.ceiling = next
    } else if let performer = performers[start.agent], let request = try? request(of: start, revealing: false) {
      demand.ceiling = (try? performer.ceiling(of: request)) ?? nil
    }
    return demand
  }

  /// What an attempt that has begun needs for one more call.
  private func demand(of start: AttemptStart, for ceiling: CallCeiling?) -> Allowances.Demand {
    let limits = configuration.agents.first { $0.id == start.agent }?.limits ?? []
    return Allowances.Demand(
      key: start.key, user: start.user, agent: start.agent, limits: start.limits + limits,
      isPerformed: performers[start.agent] != nil, isStart: false, ceiling: ceiling, budget: start.budget,
      runBudget: start.runBudget)
  }

  /// Hands an attempt that is granted to its agent.
  func perform(_ start: AttemptStart) {
    let key = start.key
    guard let performer = performers[start.agent], let attempt = performing[key] else {
      return pending.append(.ended(notStarted(key, "agent '\(start.agent)' is gone", infrastructure: true)))
    }
    do throws(SecretReader.Unavailable) {
      let request = try request(of: start, revealing: true)
      performing[key]?.granted = nil
      performances.start(request, with: performer, granted: attempt.granted)
    } catch {
      // What was granted goes back with its end.
      pending.append(.ended(notStarted(key, error.message, infrastructure: false)))
    }
  }

  func request(
    of start: AttemptStart, revealing: Bool
  ) throws(SecretReader.Unavailable) -> PerformanceRequest {
    let value: JSONValue
    var known: [String] = []
    switch start.work {
    case .process: value = .null
    case .request(let request):
      let submitter = submitter(of: start.key.workflow)
      value = try request.revealed { plan throws(SecretReader.Unavailable) in
        guard revealing else { return "" }
        let secret = try secrets.value(of: plan, for: submitter)
        if !known.contains(secret) { known.append(secret) }
        return secret
      }
    }
    return PerformanceRequest(
      key: start.key, user: start.user, agent: start.agent, with: value, secrets: known,
      directory: RunDirectory(start.key.workflow, in: home.runs), promise: start.promise)
  }

  // MARK: What they tell

  func gatherFromPerformances(into events: inout [Event]) throws(Failure) {
    var asks: [Ask] = []
    for message in performances.take() {
      switch message {
      case .asked(let ask): asks.append(ask)
      case .probed(let agent, let problem): events.append(.probed(agent: agent, error: problem))
      case .ended(let key, let result, let since, let unused):
        performing[key]?.unused = unused
        if let event = try event(of: result, key, since) { events.append(event) }
      }
    }
    batch.ask(asks, at: clock.now().boot)
  }

  private func event(of result: PerformanceResult, _ key: AttemptKey, _ since: Moment) throws(Failure) -> Event? {
    guard let attempt = performing[key] else { return nil }
    let now = clock.now()
    switch result {
    case .ended(let end):
      var ending = AttemptEnding(end, of: attempt.start, from: since, to: now)
      if attempt.start.promise.keepsStdout { ending.stdout = try AttemptFiles(key, runs: home.runs).stdoutText() }
      return .ended(ending)
    case .lost(let reason):
      return .ended(
        AttemptEnding(
          key: key, outcome: .lost(reason), startedAt: since.wall, finishedAt: now.wall,
          duration: .microseconds(now.boot - since.boot)))
    case .held(let reason, let next):
      nextCeilings[key] = next
      return .overBudget(key, reason)
    case .parked(let until, let limit, let next):
      nextCeilings[key] = next
      let opens = now.boot + max(0, (until - now.wall).microseconds)
      let place: LimitPlace
      if let refusal = attempt.refusal {
        place = LimitPlace(limiter: refusal.limiter, key: refusal.key).waitedFor
      } else if reachesAnybody(attempt.start.agent) {
        // One server of many: what it says is for this task alone.
        place = LimitPlace(limiter: limit, key: "")
      } else {
        // Its provider told it, and so everybody who would ask the same.
        place = LimitPlace(limiter: LimiterName.provider, key: attempt.start.agent)
        batch.block(agent: attempt.start.agent, for: key, until: opens)
      }
      log.warning(
        "Rate limit exceeded",
        metadata: [
          "workflow_id": .string(key.workflow.text), "task_id": .string(key.task), "limiter": .string(limit),
          "retry_after": .stringConvertible(max(0, (until - now.wall).seconds)),
        ])
      return .parked(key, place, until: opens)
    }
  }

  /// Whether an agent has no server of its own, but goes wherever its tasks say.
  private func reachesAnybody(_ agent: String) -> Bool {
    guard case .http(let settings)? = configuration.agents.first(where: { $0.id == agent })?.settings else {
      return false
    }
    return settings.baseURL == nil
  }

  // MARK: Calls

  /// Answers what performed attempts asked: their leaves and accounts become durable with this transaction, and they hear
  /// of it once it is committed.
  func answerAsks(in transaction: Transaction) throws(Failure) {
    for block in batch.takeBlocks() {
      try close(block.agent, until: block.until, for: block.key, in: transaction)
    }
    for ask in batch.takeAsks() {
      switch ask {
      case .leave(let key, let ceiling, let replaced, let reply):
        // Two reservations for one call would be more than it can take.
        if let replaced, let call = try transaction.withdraw(replaced) { try allowances.refund(call, in: transaction) }
        let leave = try leave(for: ceiling, of: key, in: transaction)
        batch.reply { reply.answer(leave) }
      case .settle(let key, let call, let account, let reply):
        try settle(call, of: key, account, in: transaction)
        batch.reply { reply.answer(()) }
      }
    }
  }

  private func leave(
    for ceiling: CallCeiling, of key: AttemptKey, in transaction: Transaction
  ) throws(Failure) -> CallLeave {
    guard let attempt = performing[key] else { return .gone }
    switch try allowances.take(demand(of: attempt.start, for: ceiling), in: transaction) {
    case .granted(let call?): return .granted(call)
    case .granted(nil): preconditionFailure("a demand with a ceiling is granted with a call")
    case .never(let reason): return .never(reason)
    case .overBudget(let reason): return .overBudget(reason)
    case .refused(let verdict):
      deltas.increment(.limitDenied, [verdict.limiter])
      performing[key]?.refusal = verdict
      return .notBefore(transaction.now.wall + verdict.retryAfter, limit: verdict.limiter)
    }
  }

  private func settle(
    _ id: CallID, of key: AttemptKey, _ account: CallAccount, in transaction: Transaction
  ) throws(Failure) {
    guard let call = try transaction.settle(id, account) else { return }
    try allowances.settle(call, used: account, in: transaction)
    deltas.count(account)
    deltas.increment(.llmTokensReserved, [account.model], by: Double(call.ceiling.tokens))
    if let notice = account.notice {
      let sentAt = account.sentAt ?? call.started.boot
      allowances.learn(notice, of: call.agent, sentAt: sentAt, at: transaction.now.boot)
      try heed(notice, of: call, in: transaction)
    }
  }

  /// What a provider says of its own limits holds for everybody who waits for it.
  private func heed(
    _ notice: ProviderNotice, of call: CallRecord, in transaction: Transaction
  ) throws(Failure) {
    guard let wait = notice.pause else { return }
    // Those who wait, here and on other machines, are not let in at the same instant, nor is a clock that differs a little
    // from the provider's. Of all who were told, the longest wait holds.
    // What is told in milliseconds is cut, so that it may be one too short.
    let jitter = Duration.microseconds(Int64.random(in: 2_000...10_000 + min(wait.microseconds / 100, 990_000)))
    try close(
      call.agent, until: transaction.now.boot + (wait + jitter).microseconds, for: call.key, in: transaction)
  }

  /// Nothing more is sent by an agent, nor at the limits it shares with others, before `time`.
  private func close(
    _ agent: String, until time: Int64, for key: AttemptKey, in transaction: Transaction
  ) throws(Failure) {
    let limits = configuration.agents.first { $0.id == agent }?.limits ?? []
    try allowances.block(
      agent: agent, limits: limits, user: owned[key.workflow]?.user ?? "", run: key.workflow, until: time,
      in: transaction)
  }

  /// The calls of an attempt that is over or taken back: one that was never made is given back, one of which nobody knows
  /// what it took stays counted whole.
  func forgetCalls(of key: AttemptKey, in transaction: Transaction) throws(Failure) {
    let attempt = performing.removeValue(forKey: key)
    if let unused = attempt?.unused ?? attempt?.granted?.call, let call = try transaction.withdraw(unused) {
      try allowances.refund(call, in: transaction)
    }
    for id in try transaction.reading.openCalls(of: key) {
      guard let call = try transaction.reading.call(id) else { continue }
      let unknown = CallAccount(
        model: call.ceiling.model, status: .error, usage: nil, cost: nil, duration: .zero)
      _ = try transaction.settle(id, unknown)
    }
  }

  // MARK: The agents

  /// Asks an agent whether it works; its answer comes as an event.
  func probe(_ name: String) {
    if let performer = performers[name] {
      performances.probe(name) { await performer.probe() }
    } else if let program = agent.programs[name] {
      performances.probe(name) { await program.probe() }
    } else {
      pending.append(.probed(agent: name, error: CommandAgent.problem))
    }
  }

  /// Leaves what is performed to the next runner: without an outcome, it finds it in the journal and goes on with it.
  func endPerformances() {
    if !performing.isEmpty {
      performances.close()
      performances.drain(patience: .seconds(2))
    }
    // What is left of them after that ends with this process.
    tools.close(patience: .seconds(5))
  }
}

extension AttemptEnding {
  init(_ ending: PerformanceResult.Ending, of start: AttemptStart, from since: Moment, to now: Moment) {
    let outcome: AttemptOutcome
    let missing = start.promise.outputs.first { ending.outputs[$0] == nil }
    switch ending.ending {
    case .timeout: outcome = .timedOut(nil)
    case .cancelled: outcome = .cancelled(nil)
    case .completed where missing != nil:
      outcome = .performed(.invalidOutput, "the promised output '\(missing ?? "")' is missing")
    default: outcome = .performed(ending.ending, ending.message)
    }
    self.init(
      key: start.key, outcome: outcome, startedAt: since.wall, finishedAt: now.wall,
      duration: .microseconds(now.boot - since.boot), outputs: outcome.isSuccess ? ending.outputs : [:])
    isAgentFault = ending.infrastructure
  }
}

extension ProviderNotice {
  /// How long nothing more is to be sent; `nil` when more may be.
  var pause: Duration? {
    var pause = wait
    if let requests, requests.remaining == 0, let reset = requests.reset { pause = max(pause ?? .zero, reset) }
    if let tokens, tokens.remaining == 0, let reset = tokens.reset { pause = max(pause ?? .zero, reset) }
    return pause.flatMap { $0 > .zero ? $0 : nil }
  }
}
