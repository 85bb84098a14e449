import AstroCore
import AstroJournal
import AstroScheduling

/// Keys whose money or quota is used up: nothing is sent with them for a while, whoever has them.
extension Allowances {
  /// What is known of an agent's key: the journal alone says so, since any runner may have found out.
  enum KeyState {
    case works
    /// Its wait is over: one call asks again.
    case untried(SpentKey)
    case spent(SpentKey)

    var spent: SpentKey? { if case .spent(let key) = self { key } else { nil } }
  }

  func key(of agent: String, _ reading: Reading, at now: Timestamp) throws(Failure) -> KeyState {
    guard let account = accounts[agent], let key = try reading.spentKey(account) else { return .works }
    return key.until > now ? .spent(key) : .untried(key)
  }

  /// Of agents whose keys are all used up: when the first is tried again; `nil` where one of them may be asked.
  func keysOpen(of agents: [String], _ reading: Reading, at now: Timestamp) throws(Failure) -> Timestamp? {
    var first: Timestamp?
    for agent in agents {
      guard let spent = try key(of: agent, reading, at: now).spent else { return nil }
      first = min(first ?? spent.until, spent.until)
    }
    return first
  }

  /// Of a start whose agent, and all whom it could ask instead, have keys that are used up: until the first is tried again.
  func quotaRefusal(of demand: Demand, _ reading: Reading, at now: Timestamp) throws(Failure) -> LimitVerdict? {
    guard let time = try keysOpen(of: [demand.agent] + demand.fallbacks, reading, at: now) else { return nil }
    var verdict = LimitVerdict(
      limiter: LimiterName.quota, key: demand.agent, allowed: false, limit: 0, remaining: 0, resetAt: time,
      retryAfter: time - now)
    verdict.bindsOthers = demand.hasAllFallbacks
    return verdict
  }

  /// Nothing more is sent with the key of an agent, for a while: its provider said that it is used up. Several calls that were
  /// under way together say so once.
  /// - Returns: until when; `nil` when that is known.
  func spend(_ agent: String, because words: String, in transaction: Transaction) throws(Failure) -> SpentKey? {
    let account = accounts[agent] ?? agent
    if let known = try transaction.reading.spentKey(account), known.until > transaction.now.wall { return nil }
    let key = SpentKey(account: account, until: transaction.now.wall + SpentKey.firstPause, reason: words)
    try transaction.put(key)
    return key
  }

  /// A call was answered: its key works, unless the call was sent before that was refused.
  /// - Returns: the agents that may be asked again.
  func works(_ call: CallRecord, in transaction: Transaction) throws(Failure) -> [String] {
    guard let account = accounts[call.agent], let spent = try transaction.reading.spentKey(account),
      call.started.wall >= spent.since
    else { return [] }
    try transaction.forgetSpentKey(account, waitingBecause: Scheduler.reason(of: LimiterName.quota))
    return accounts.filter { $0.value == account }.keys.sorted()
  }

  /// A call is not made. If it was to find out whether a key works again, the next one finds out.
  func letAnotherAsk(insteadOf call: CallRecord, in transaction: Transaction) throws(Failure) {
    guard let account = accounts[call.agent], let spent = try transaction.reading.spentKey(account),
      call.started.wall == spent.since
    else { return }
    try transaction.put(spent.unasked(at: transaction.now.wall))
  }
}
