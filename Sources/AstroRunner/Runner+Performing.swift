import AstroAgents
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroLLM
import AstroProcess
import AstroScheduling
import AstroTelemetry
import Logging

/// Attempts that agents perform themselves: begun like others, in the journal first; each call of theirs asks leave here and
/// is settled here, in the transactions of the loop.
extension Runner {
  /// What an attempt needs of limits and budgets to begin.
  func demand(of start: AttemptStart) -> Allowances.Demand {
    // What is wrong with a request is told by whoever performs it, as the end of the attempt.
    let request = try? isPaid(start.agent) ? request(of: start, revealing: false) : nil
    var demand = demand(of: start, for: request.flatMap { firstCall(of: start, asking: $0) })
    demand.isStart = true
    if let request, let agent = performers[start.agent] as? LLMAgent {
      demand.fallbacks = Array(agent.seats(for: request.with).drop { $0 != demand.agent }.dropFirst())
      demand.hasAllFallbacks = demand.fallbacks == configuration.agent(demand.agent)?.fallbacks
    }
    return demand
  }

  /// `nil` where nobody falls back on an agent: then the scheduler alone gives its places.
  private func guestRoom(with agent: String) -> Allowances.GuestRoom? {
    guard let most = configuration.agent(agent)?.maxConcurrent,
      configuration.agents.contains(where: { $0.fallbacks.contains(agent) })
    else { return nil }
    return Allowances.GuestRoom(most: most, runner: id)
  }

  /// What an attempt will ask leave for first; `nil` where its calls cost nothing.
  private func firstCall(of start: AttemptStart, asking request: PerformanceRequest) -> PlannedCall? {
    if let next = owned[start.key.workflow]?.nextCalls[start.key], performers[next.agent] != nil { return next }
    if let performer = performers[start.agent] { return (try? performer.firstCall(of: request)) ?? nil }
    let ceiling = (try? agent.programs[start.agent]?.ceiling(of: request.with)) ?? nil
    return ceiling.map { PlannedCall(to: start.agent, $0) }
  }

  /// Whether what an agent does may be in the ledger.
  func isPaid(_ name: String) -> Bool { performers[name] != nil || agent.programs[name] != nil }

  /// What an attempt needs for a call: at the limits of its task, and at those of the agent that the call goes to.
  func demand(of start: AttemptStart, for call: PlannedCall?) -> Allowances.Demand {
    let agent = call?.agent ?? start.agent
    return Allowances.Demand(
      key: start.key, user: start.user, agent: agent, limits: start.limits + (configuration.agent(agent)?.limits ?? []),
      isPerformed: performers[start.agent] != nil, isStart: false, ceiling: call?.ceiling, line: call?.line,
      budget: start.budget, runBudget: start.runBudget,
      guestRoom: guestRoom(with: agent))
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
      tools: start.tools, directory: RunDirectory(start.key.workflow, in: home.runs), promise: start.promise)
  }

  // MARK: What they tell

  func gatherFromPerformances(into events: inout [Event]) throws(Failure) {
    for message in performances.take() {
      switch message {
      case .asked(.settle(let settlement)): batch.settle(settlement, at: clock.now().boot)
      case .asked(.leave(let ask)):
        if performing[ask.key]?.isCancelled == true {
          performing[ask.key]?.unused = ask.replacing
          ask.reply.answer(.gone)
        } else {
          events.append(.asked(line(up: ask)))
        }
      case .probed(let agent, let problem): events.append(.probed(agent: agent, error: problem))
      case .read(let key, let number, let digests):
        if let answer = try lookUp(key, number, digests) { events.append(answer) }
      case .ended(let key, let result, let since, let unused):
        if let unused { performing[key]?.unused = unused }
        if let event = try event(of: result, key, since) { events.append(event) }
      }
    }
  }

  func event(of result: PerformanceResult, _ key: AttemptKey, _ since: Moment) throws(Failure) -> Event? {
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
      keep(next, of: key)
      return .overBudget(key, reason)
    case .parked(let refusal, let next):
      keep(next, of: key)
      return try parked(key, refusal, at: now)
    }
  }

  /// Remembers what an attempt asks for first when it goes on.
  private func keep(_ next: PlannedCall?, of key: AttemptKey) { owned[key.workflow]?.nextCalls[key] = next }

  private func parked(_ key: AttemptKey, _ refusal: LimitRefusal, at now: Moment) throws(Failure) -> Event {
    log.warning(
      "Rate limit exceeded",
      metadata: [
        "workflow_id": .string(key.workflow.text), "task_id": .string(key.task), "limiter": .string(refusal.name),
        "retry_after": .stringConvertible(max(0, (refusal.until - now.wall).seconds)),
      ])
    let place = refusal.place
    var until = refusal.until
    if place.limiter == LimiterName.quota {
      // Meanwhile another call may have found out that the key works.
      let state = try journal.read { try allowances.key(of: place.key, $0, at: now.wall) }
      until = state.spent?.until ?? now.wall
    }
    let opens = now.boot + max(0, (until - now.wall).microseconds)
    if case .provider(let agent) = refusal.origin { batch.block(agent: agent, for: key, until: opens) }
    var bindsOthers = true
    if case .limit(_, bindsOthers: false) = refusal.origin { bindsOthers = false }
    return .parked(key, place, until: opens, bindsOthers: bindsOthers)
  }

  // MARK: What calls took

  /// Settles what performed attempts account for: it becomes durable with this transaction, and they hear of it once it is
  /// committed.
  /// - Returns: the limits at which something was given back.
  func settleCalls(in transaction: Transaction) throws(Failure) -> [LimitPlace] {
    for block in batch.takeBlocks() {
      try close(block.agent, until: block.until, for: block.key, in: transaction)
    }
    var opened: [LimitPlace] = []
    for settlement in batch.takeSettlements() {
      opened += try settle(settlement.call, of: settlement.key, settlement.account, in: transaction)
      batch.reply { settlement.reply.answer(()) }
    }
    return opened
  }

  private func settle(
    _ id: CallID, of key: AttemptKey, _ account: CallAccount, in transaction: Transaction
  ) throws(Failure) -> [LimitPlace] {
    guard let call = try transaction.settle(id, account) else { return [] }
    try allowances.settle(call, used: account, in: transaction)
    deltas.count(account)
    deltas.increment(.llmTokensReserved, [account.model], by: Double(call.ceiling.tokens))
    if let notice = account.notice {
      let sentAt = account.sentAt ?? call.started.boot
      allowances.learn(notice, of: call.agent, sentAt: sentAt, at: transaction.now.boot)
      try heed(notice, of: call, in: transaction)
    }
    var opened = allowances.places(givenBackBy: call)
    if account.status == .success {
      opened += try allowances.works(call, in: transaction).map {
        LimitPlace(limiter: LimiterName.quota, key: $0)
      }
    }
    return opened
  }

  func refund(_ call: CallRecord, in transaction: Transaction) throws(Failure) {
    try allowances.letAnotherAsk(insteadOf: call, in: transaction)
    try allowances.refund(call.charges, grantedAt: call.started.boot, bootID: call.bootID, in: transaction)
    tellOpened(call.budgets.map(\.waitedFor))
  }

  /// What a provider says of its own limits holds for everybody who waits for it.
  private func heed(
    _ notice: ProviderNotice, of call: CallRecord, in transaction: Transaction
  ) throws(Failure) {
    if let words = notice.quota, let key = try allowances.spend(call.agent, because: words, in: transaction) {
      batch.reply { [log = self.log] in
        log.error(
          "Quota used up",
          metadata: [
            "agent_id": .string(call.agent), "error": .string(words),
            "retry_after": .stringConvertible(key.pause.seconds),
          ])
      }
    }
    guard let wait = notice.pause else { return }
    // Those who wait, here and on other machines, are not let in at the same instant, nor is a clock that differs a little
    // from the provider's. Of all who were told, the longest wait holds.
    // What is told in milliseconds is cut, so that it may be one too short. Who was refused was one of too many, and they
    // spread more widely than those who were told before.
    let spread = min(wait.microseconds / (notice.wait == nil ? 500 : 100), 990_000)
    let jitter = Duration.microseconds(Int64.random(in: 2_000...10_000 + spread))
    try close(
      call.agent, until: transaction.now.boot + (wait + jitter).microseconds, for: call.key, in: transaction)
  }

  /// Nothing more is sent by an agent, nor at the limits it shares with others, before `time`.
  private func close(
    _ agent: String, until time: Int64, for key: AttemptKey, in transaction: Transaction
  ) throws(Failure) {
    let limits = configuration.agent(agent)?.limits ?? []
    try allowances.block(
      agent: agent, limits: limits, user: owned[key.workflow]?.user ?? "", run: key.workflow, until: time,
      in: transaction)
  }

  /// The calls of an attempt that is over or taken back: one that was never made is given back. Of one that is still open its
  /// runner has died: it is settled by what the transcript says, or the results of a batch, which are on disk before the
  /// account; one of which nobody knows what it took stays counted whole.
  /// - Parameters:
  ///   - hasBegun: else none of them was made.
  ///   - account: what a program says that it took.
  func forgetCalls(
    of key: AttemptKey, hasBegun: Bool, account: CallAccount? = nil, in transaction: Transaction
  ) throws(Failure) {
    let attempt = performing.removeValue(forKey: key)
    if let unused = attempt?.unused ?? attempt?.granted?.id, let call = try transaction.withdraw(unused) {
      try refund(call, in: transaction)
    }
    let open = try transaction.reading.openCalls(of: key)
    guard !open.isEmpty else { return }
    guard hasBegun else {
      for id in open { if let call = try transaction.withdraw(id) { try refund(call, in: transaction) } }
      return
    }
    let calls = try open.map { id throws(Failure) in try transaction.reading.call(id) }.compactMap { $0 }
    let written = try account == nil ? AttemptFiles(key, runs: home.runs).calls() : [:]
    let results = try account == nil ? self.results(of: calls) : [:]
    for call in calls {
      let id = call.id
      if let account = account ?? written[id]?.account(of: call) ?? results[id] {
        tellOpened(try settle(id, of: key, account, in: transaction))
      } else {
        let unknown = CallAccount(
          model: call.ceiling.model, status: .error, usage: nil, cost: nil, duration: .zero)
        _ = try transaction.settle(id, unknown)
        tellOpened(call.budgets.map(\.waitedFor))
      }
    }
  }

  /// What calls of a batch took, by the results that are on disk. A line has a result once, and until then one call at a time
  /// that is open: the result is of that one.
  private func results(of calls: [CallRecord]) throws(Failure) -> [CallID: CallAccount] {
    var found: [CallID: CallAccount] = [:]
    for (agent, calls) in Dictionary(grouping: calls.filter { $0.line != nil }, by: \.agent) {
      guard let agent = performers[agent] as? LLMAgent, let key = calls.first?.key else { continue }
      let lines = Dictionary(calls.map { ($0.line ?? 0, $0) }, uniquingKeysWith: { $1 })
      let accounts = try agent.accounts(
        of: lines.mapValues(\.ceiling.model), in: RunDirectory(key.workflow, in: home.runs), at: clock.now().wall)
      for (line, account) in accounts { if let id = lines[line]?.id { found[id] = account } }
    }
    return found
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
    // Whoever waits for an answer is told that nobody answers any more.
    asks.removeAll()
    forgetLookups { _ in true }
    if !performing.isEmpty {
      performances.close()
      performances.drain(patience: .seconds(2))
    }
    // What is left of them after that ends with this process.
    tools.close(patience: .seconds(5))
  }
}

extension TranscriptReplay.Call {
  /// A journal that was made anew counts from 1 again: what was written down before a call began is of another one.
  fileprivate func account(of call: CallRecord) -> CallAccount? {
    began + .milliseconds(1) > call.started.wall ? account : nil
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
