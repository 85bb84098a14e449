import AstroConfiguration
import AstroCore
import AstroJournal
import AstroLimits

/// The named limits and the budgets of the configuration, and what work takes of them: all it needs or nothing, in one
/// transaction.
struct Allowances {
  let limits: [String: NamedLimit]
  let budgets: [PeriodBudget]
  /// The limits every user has.
  let rates: RateLimits
  /// Of each agent that asks a provider, by its id: ``AgentConfiguration/account``.
  var accounts: [String: String] = [:]
  /// Whether an attempt without an outcome is over all the same: its agent performed it, and its runner is gone.
  var isOver: (_ agent: String, _ launcher: String) -> Bool = { _, _ in false }
  /// By the id of an agent.
  private var learned: [String: LearnedLimit] = [:]

  init(limits: [NamedLimit], budgets: [PeriodBudget], rates: RateLimits) {
    self.limits = Dictionary(limits.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    self.budgets = budgets
    self.rates = rates
  }

  init(_ configuration: Configuration) {
    self.init(
      limits: configuration.limits, budgets: configuration.budgets,
      rates: RateLimits(configured: configuration.system.limits))
    for agent in configuration.agents { accounts[agent.id] = agent.account }
  }

  /// What an attempt needs to begin, or to make one more call.
  struct Demand {
    var key: AttemptKey
    var user: String
    /// Whom it goes to.
    var agent: String
    /// Of its task and of that agent.
    var limits: [String]
    /// Whom it may go to instead, where that agent's key is used up.
    var fallbacks: [String] = []
    /// Those are all that the agent has: what keeps this one keeps every other, too.
    var hasAllFallbacks = true
    /// The agent sends requests itself.
    var isPerformed: Bool
    /// It takes a place among those that run at a time.
    var isStart: Bool
    /// `nil` where calls cost nothing.
    var ceiling: CallCeiling?
    /// ``PlannedCall/line``.
    var line: Int?
    var budget: BudgetPlan?
    var runBudget: BudgetPlan?
    /// Where the call goes to an agent that others fall back on.
    var guestRoom: GuestRoom?

    /// What it takes leave for; `nil` where calls cost nothing.
    var call: PlannedCall? { ceiling.map { PlannedCall(to: agent, $0, line: line) } }
  }

  /// The calls at a time of an agent that others fall back on. Calls, and not attempts: of two that need each other's place
  /// neither has to end for the other to go on.
  struct GuestRoom {
    /// Its `max_concurrent`.
    var most: Int
    /// Whose calls are counted: each runner makes so many.
    var runner: String
  }

  enum Answer {
    /// With its place in the ledger, where it has a ceiling; else with what was charged, which no ledger knows.
    case granted(CallID?, [LimitCharge])
    case refused(LimitVerdict)
    /// Waiting cannot help; why, in one sentence.
    case never(String)
    case overBudget(String)
    /// Of one more call only: the agent's key is used up.
    case spent(SpentKey)
  }

  func take(_ demand: Demand, in transaction: Transaction) throws(Failure) -> Answer {
    // Commands without limits, a thousand of which may start in a second.
    if demand.limits.isEmpty, !demand.isPerformed, demand.ceiling == nil { return .granted(nil, []) }
    if let unknown = unknownLimit(of: demand, at: transaction.now.wall) { return .refused(unknown) }
    let key = try self.key(of: demand.agent, transaction.reading, at: transaction.now.wall)
    if let spent = key.spent {
      guard demand.isStart else { return .spent(spent) }
      // Where a fallback may be asked the attempt begins, without a call: it asks leave for that one.
      let refusal = try quotaRefusal(of: demand, transaction.reading, at: transaction.now.wall)
      return refusal.map { Answer.refused($0) } ?? .granted(nil, [])
    }
    let charges: [Charge]
    do throws(Failure) {
      charges = try self.charges(of: demand, transaction.reading, at: transaction.now.wall)
      let refusal = try refusal(
        of: charges, for: demand, transaction.reading, at: transaction.now, bootID: transaction.bootID
      ) { charge throws(Failure) in
        try transaction.check(
          charge.place.limiter, key: charge.place.key, window: charge.window, weight: charge.weight)
      }
      if let refusal { return .refused(refusal) }
      if let refusal = try learnedRefusal(of: demand, in: transaction) { return .refused(refusal) }
      if let refusal = try crowding(of: demand, in: transaction) { return .refused(refusal) }
    } catch {
      guard error.code == .limit else { throw error }
      return .never("limit \(error.subject): \(error.message)")
    }
    let accounts = accounts(of: demand, at: transaction.now.wall)
    if let obstacle = try obstacle(to: demand, of: accounts, transaction.reading, transaction.now.wall) {
      return obstacle
    }
    for charge in charges where charge.weight > 0 {
      _ = try transaction.consume(
        charge.place.limiter, key: charge.place.key, window: charge.window, weight: charge.weight)
    }
    for (limit, place) in places(of: demand) where limit.boundsPlaces {
      if try !transaction.reading.holds(place.slots, for: demand.key) {
        try transaction.hold(place.slots, for: demand.key)
      }
    }
    let taken = charges.map { LimitCharge($0.place, weight: $0.weight) }
    if case .untried(let spent) = key, demand.ceiling != nil {
      try transaction.put(spent.asked(at: transaction.now.wall))
    }
    guard let ceiling = demand.ceiling else { return .granted(nil, taken.filter { $0.weight > 0 }) }
    return .granted(
      try transaction.begin(
        CallRecord(
          key: demand.key, agent: demand.agent, ceiling: ceiling, line: demand.line, started: transaction.now,
          bootID: transaction.bootID, charges: taken, budgets: accounts.map(\.place))), [])
  }

  /// What would keep work from its limits and budgets now; without a ceiling as far as that can be said.
  func refusal(of demand: Demand, in reading: Reading, at now: Moment, bootID: String) throws(Failure) -> LimitVerdict?
  {
    if let unknown = unknownLimit(of: demand, at: now.wall) { return unknown }
    if let refusal = try quotaRefusal(of: demand, reading, at: now.wall) { return refusal }
    do throws(Failure) {
      let charges = try charges(of: demand, reading, at: now.wall)
      let refusal = try refusal(of: charges, for: demand, reading, at: now, bootID: bootID) { charge throws(Failure) in
        try reading.check(
          charge.place.limiter, key: charge.place.key, window: charge.window, weight: charge.weight, at: now,
          bootID: bootID)
      }
      if let refusal { return refusal }
    } catch {
      // It is never granted, and need not wait to be told so.
      guard error.code == .limit else { throw error }
      return nil
    }
    guard
      case .refused(let verdict)? = try obstacle(to: demand, of: accounts(of: demand, at: now.wall), reading, now.wall)
    else { return nil }
    return verdict
  }

  /// Whether how much a call takes decides about when it may be made.
  func weighCalls(at names: [String]) -> Bool {
    !budgets.isEmpty
      || names.compactMap { limits[$0] }.contains { limit in
        ([limit.bounds] + limit.hours.map(\.bounds)).contains { $0.tokens != nil || $0.spend != nil }
      }
  }

  /// Puts what a call took in place of what was reserved for it, at the limits it was charged to.
  func settle(_ call: CallRecord, used account: CallAccount, in transaction: Transaction) throws(Failure) {
    for charge in call.charges {
      guard let (window, dimension) = window(of: charge.place, at: transaction.now.wall) else { continue }
      let used: Int64
      switch dimension {
      // A request that was made is made, also in vain.
      case nil, .concurrent: used = charge.weight
      case .tokens: used = account.usage?.total ?? charge.weight
      case .spend: used = account.cost?.picodollars ?? charge.weight
      }
      // The provider's own window counts a call from when it came there: sooner than its answer, and hardly later than
      // that after it was sent. What a call waits for its answer beyond that is not taken from the rate.
      let travel = min(account.duration.microseconds, window.travel)
      let arrival = account.sentAt.map { min(transaction.now.boot, $0 + travel) }
      try transaction.settle(
        charge.place, window: window, reserved: charge.weight, used: used, grantedAt: call.started.boot,
        arrival: arrival, bootID: call.bootID)
    }
  }

  /// Where less may be taken once a call is settled or not made: its tokens and its money are counted as they were, its
  /// budgets keep what it leaves of them, and its place is free.
  func places(givenBackBy call: CallRecord) -> [LimitPlace] {
    call.budgets.map(\.waitedFor)
      + call.charges.flatMap { charge -> [LimitPlace] in
        if charge.place.limiter == LimiterName.provider { return [charge.place.slots] }
        guard let limit = limits[charge.place.waitedFor.limiter] else { return [] }
        if charge.place.limiter != limit.name { return [charge.place.waitedFor] }
        return limit.boundsPlaces ? [charge.place.slots] : []
      }
  }

  /// Who waits for a limit keeps no place that it has no use for: those who hold what it waits for may wait for that.
  /// - Returns: where somebody else may begin now.
  func leaveIdlePlaces(of demand: Demand, in transaction: Transaction) throws(Failure) -> [LimitPlace] {
    try transaction.leavePlaces(of: demand.key, but: places(of: demand).map(\.place.slots))
  }

  /// Gives back what was charged for a call that is not made, or for an attempt that never began.
  func refund(
    _ charges: [LimitCharge], grantedAt boot: Int64, bootID: String, in transaction: Transaction
  ) throws(Failure) {
    for charge in charges {
      guard let (window, _) = window(of: charge.place, at: transaction.now.wall) else { continue }
      try transaction.settle(
        charge.place, window: window, reserved: charge.weight, used: 0, grantedAt: boot, bootID: bootID)
    }
  }

  /// Nothing more is sent by an agent before `time`, in boot time, nor by others that share its limits: its provider said so.
  func block(
    agent: String, limits names: [String], user: String, run: WorkflowID, until time: Int64, in transaction: Transaction
  )
    throws(Failure)
  {
    try transaction.block(LimitPlace(limiter: LimiterName.provider, key: agent), until: time, window: .open)
    for name in names {
      guard let limit = limits[name] else { continue }
      let place = LimitPlace(limiter: name, key: limit.scope.key(user: user, agent: agent, workflow: run.text))
      guard let (window, _) = window(of: place, at: transaction.now.wall) else { continue }
      try transaction.block(place, until: time, window: window)
    }
  }

  /// What an answer says of its provider's limits on requests.
  mutating func learn(_ notice: ProviderNotice, of agent: String, sentAt: Int64, at now: Int64) {
    guard let requests = notice.requests else { return }
    learned[agent, default: LearnedLimit()].learn(requests, sentAt: sentAt, at: now)
  }

  /// Where as many calls are under way as the provider has left, one more would be refused there.
  private func learnedRefusal(of demand: Demand, in transaction: Transaction) throws(Failure) -> LimitVerdict? {
    guard demand.ceiling != nil, let most = learned[demand.agent]?.most(at: transaction.now.boot),
      try transaction.reading.openCalls(of: demand.agent) >= most.count
    else { return nil }
    // Of those under way it is heard at once when they end; where none is, the provider's window has to open.
    let wait = most.count > 0 ? min(most.for, Self.slotPause) : most.for
    return full(demand.agent, most: most.count, for: wait, at: transaction.now.wall)
  }

  /// An agent takes no more calls at a time than its `max_concurrent`, be they of its own attempts or of those that fall back
  /// on it.
  private func crowding(of demand: Demand, in transaction: Transaction) throws(Failure) -> LimitVerdict? {
    guard let room = demand.guestRoom, demand.ceiling != nil else { return nil }
    let taken = try transaction.reading.openCalls(to: demand.agent, under: room.runner)
    guard taken >= room.most else { return nil }
    return full(demand.agent, most: Int64(room.most), for: Self.slotPause, at: transaction.now.wall)
  }

  /// That as many calls as an agent takes are under way.
  private func full(_ agent: String, most: Int64, for wait: Duration, at now: Timestamp) -> LimitVerdict {
    let place = LimitPlace(limiter: LimiterName.provider, key: agent).slots
    return LimitVerdict(
      limiter: place.limiter, key: place.key, allowed: false, limit: most, remaining: 0, resetAt: now + wait,
      retryAfter: wait)
  }

  /// A limit that is not configured any more is no open door: who needs it waits until it is again.
  private func unknownLimit(of demand: Demand, at now: Timestamp) -> LimitVerdict? {
    guard let name = demand.limits.first(where: { limits[$0] == nil }) else { return nil }
    return LimitVerdict(
      limiter: name, key: "", allowed: false, limit: 0, remaining: 0, resetAt: now + Self.unknownPause,
      retryAfter: Self.unknownPause)
  }

  private static let unknownPause = Duration.seconds(300)
}
