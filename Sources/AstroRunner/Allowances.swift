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

  // MARK: What is charged, and where

  private struct Charge {
    var place: LimitPlace
    var window: RateWindow
    var weight: Int64
    /// Of tokens and of money, which may be bounded more widely at another time of the day.
    var limit: NamedLimit?
  }

  private func places(of demand: Demand) -> [(limit: NamedLimit, place: LimitPlace)] {
    var seen: Set<String> = []
    return demand.limits.compactMap { name in
      guard seen.insert(name).inserted, let limit = limits[name] else { return nil }
      let key = limit.scope.key(user: demand.user, agent: demand.agent, workflow: demand.key.workflow.text)
      return (limit, LimitPlace(limiter: name, key: key))
    }
  }

  private func charges(
    of demand: Demand, _ reading: Reading, at now: Timestamp
  ) throws(Failure) -> [Charge] {
    var charges: [Charge] = []
    if demand.isPerformed {
      charges.append(
        Charge(place: LimitPlace(limiter: LimiterName.provider, key: demand.agent), window: .open, weight: 0))
      if case .window(let window) = try rates.limit(LimiterName.apiCalls) {
        charges.append(
          Charge(place: LimitPlace(limiter: LimiterName.apiCalls, key: demand.user), window: window, weight: 1))
      }
    }
    let minute = LocalTime.minute(of: now)
    for (limit, place) in places(of: demand) {
      let bounds = limit.bounds(atMinute: minute)
      // A limit without a rate can still be blocked by its provider.
      charges.append(
        Charge(place: place, window: bounds.rate.map(RateWindow.init) ?? .open, weight: bounds.rate == nil ? 0 : 1))
      guard let ceiling = demand.ceiling else { continue }
      if let tokens = bounds.tokens {
        let weight = try weight(of: ceiling, limit, agent: demand.agent, reading)
        charges.append(
          Charge(place: place.dimension(.tokens), window: RateWindow(tokens), weight: weight, limit: limit))
      }
      if let spend = bounds.spend {
        guard let cost = ceiling.cost else {
          throw Failure(
            .limit, subject: "\(limit.name)/spend_usd",
            message: ceiling.wantOfCost)
        }
        charges.append(
          Charge(place: place.dimension(.spend), window: RateWindow(spend), weight: cost.picodollars, limit: limit))
      }
    }
    return charges
  }

  /// How many tokens are taken before a call: the most it can be, or what nineteen of the last twenty calls like it took
  /// at most, once there are enough of them. In simulations a settled 95th percentile used over 90 % of a limit, the most it can be
  /// 60 %.
  private func weight(
    of ceiling: CallCeiling, _ limit: NamedLimit, agent: String, _ reading: Reading
  ) throws(Failure) -> Int64 {
    guard limit.reservation == .expected else { return ceiling.tokens }
    let known = try reading.recentTokens(of: agent, model: ceiling.model, last: 60).sorted()
    guard known.count >= 20 else { return ceiling.tokens }
    return min(ceiling.tokens, known[known.count * 95 / 100])
  }

  /// The refusal that lasts longest; `nil` when everything is to be had.
  private func refusal(
    of charges: [Charge], for demand: Demand, _ reading: Reading, at moment: Moment, bootID: String,
    check: (Charge) throws(Failure) -> LimitVerdict
  ) throws(Failure) -> LimitVerdict? {
    let now = moment.wall
    var binding: LimitVerdict?
    for charge in charges {
      var verdict: LimitVerdict
      do throws(Failure) {
        verdict = try check(charge)
        if !verdict.allowed, verdict.retryAfter > Self.slotPause, charge.limit != nil,
          try reading.isReserved(charge.place, since: moment.boot - charge.window.window.microseconds, bootID: bootID)
        {
          // It opens when a call is settled, also one of another process, which is not heard of.
          verdict.retryAfter = Self.slotPause
        }
      } catch {
        guard error.code == .limit, let later = widening(for: charge, at: now) else { throw error }
        verdict = later
      }
      if !verdict.allowed, verdict.retryAfter > binding?.retryAfter ?? .zero { binding = verdict }
    }
    if let found = binding, found.bindsOthers, let change = nextChange(of: demand, at: now) {
      binding?.retryAfter = min(found.retryAfter, change)
    }
    // The place that an attempt holds is that of one call; more at a time need more, as does the first one elsewhere.
    let needsMore = try demand.isStart ? true : reading.openCalls(of: demand.agent, for: demand.key) > 0
    let minute = LocalTime.minute(of: now)
    for (limit, place) in places(of: demand) {
      guard let most = limit.bounds(atMinute: minute).concurrent,
        try needsMore ? true : !reading.holds(place.slots, for: demand.key)
      else { continue }
      let held = try reading.holds(of: place.slots, isOver: isOver)
      // Whoever holds a place here is heard of at once when it ends; of other processes after this pause.
      if held >= most, binding?.retryAfter ?? .zero < Self.slotPause {
        binding = LimitVerdict(
          limiter: place.slots.limiter, key: place.key, allowed: false, limit: most, remaining: 0,
          resetAt: now + Self.slotPause, retryAfter: Self.slotPause)
      }
    }
    return binding
  }

  static let slotPause = Duration.seconds(5)

  /// When other bounds of one of the limits begin to hold.
  private func nextChange(of demand: Demand, at now: Timestamp) -> Duration? {
    places(of: demand).compactMap { changes(of: $0.limit, at: now).first?.wait }.min()
  }

  /// The next times of the day at which other bounds of a limit begin to hold, the soonest first.
  private func changes(of limit: NamedLimit, at now: Timestamp) -> [(wait: Duration, minute: Int)] {
    let minute = LocalTime.minute(of: now)
    let edges = Set(limit.hours.flatMap { [$0.from % 1440, $0.to % 1440] })
    let waits = edges.map { ($0 > minute ? $0 - minute : $0 - minute + 1440, $0) }.sorted { $0.0 < $1.0 }
    return waits.map { (.seconds($0.0 * 60) - .microseconds(now.microseconds % 60_000_000), $0.1) }
  }

  /// Of a weight that the bounds of now never grant: the refusal until the hours that do; `nil` where none do. It speaks for
  /// nobody else: less may fit now.
  private func widening(for charge: Charge, at now: Timestamp) -> LimitVerdict? {
    guard let limit = charge.limit else { return nil }
    let isOfTokens = charge.place.limiter == LimitPlace(limiter: limit.name, key: "").dimension(.tokens).limiter
    let change = changes(of: limit, at: now).first { change in
      let bounds = limit.bounds(atMinute: change.minute)
      return charge.weight <= (isOfTokens ? bounds.tokens : bounds.spend)?.amount ?? .max
    }
    guard let wait = change?.wait else { return nil }
    var verdict = LimitVerdict(
      limiter: charge.place.limiter, key: charge.place.key, allowed: false, limit: charge.window.maxRequests,
      remaining: 0, resetAt: now + wait, retryAfter: wait)
    verdict.bindsOthers = false
    return verdict
  }

  /// The window in force at a place that was charged, and what it counts.
  private func window(
    of place: LimitPlace, at now: Timestamp
  ) -> (RateWindow, LimitPlace.Dimension?)? {
    if place.limiter == LimiterName.provider { return (.open, nil) }
    if place.limiter == LimiterName.apiCalls {
      guard case .window(let window)? = rates.configured[place.limiter] else { return nil }
      return (window, nil)
    }
    guard let limit = limits[place.waitedFor.limiter] else { return nil }
    let bounds = limit.bounds(atMinute: LocalTime.minute(of: now))
    let key = LimitPlace(limiter: limit.name, key: place.key)
    if place == key { return (bounds.rate.map(RateWindow.init) ?? .open, nil) }
    if place == key.dimension(.tokens) { return bounds.tokens.map { (RateWindow($0), .tokens) } }
    if place == key.dimension(.spend) { return bounds.spend.map { (RateWindow($0), .spend) } }
    return nil
  }
}

extension RateWindow {
  init(_ rate: NamedLimit.Rate) { self.init(maxRequests: rate.amount, window: rate.window) }
}
