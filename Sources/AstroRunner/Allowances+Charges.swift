import AstroConfiguration
import AstroCore
import AstroJournal
import AstroLimits

/// What work is charged at the limits, and where, and what refuses it.
extension Allowances {
  struct Charge {
    var place: LimitPlace
    var window: RateWindow
    var weight: Int64
    /// Of tokens and of money, which may be bounded more widely at another time of the day.
    var limit: NamedLimit?
  }

  func places(of demand: Demand) -> [(limit: NamedLimit, place: LimitPlace)] {
    var seen: Set<String> = []
    return demand.limits.compactMap { name in
      guard seen.insert(name).inserted, let limit = limits[name] else { return nil }
      let key = limit.scope.key(user: demand.user, agent: demand.agent, workflow: demand.key.workflow.text)
      return (limit, LimitPlace(limiter: name, key: key))
    }
  }

  func charges(
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
  func weight(
    of ceiling: CallCeiling, _ limit: NamedLimit, agent: String, _ reading: Reading
  ) throws(Failure) -> Int64 {
    guard limit.reservation == .expected else { return ceiling.tokens }
    let known = try reading.recentTokens(of: agent, model: ceiling.model, last: 60).sorted()
    guard known.count >= 20 else { return ceiling.tokens }
    return min(ceiling.tokens, known[known.count * 95 / 100])
  }

  /// The refusal that lasts longest; `nil` when everything is to be had.
  func refusal(
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
  func nextChange(of demand: Demand, at now: Timestamp) -> Duration? {
    places(of: demand).compactMap { changes(of: $0.limit, at: now).first?.wait }.min()
  }

  /// The next times of the day at which other bounds of a limit begin to hold, the soonest first.
  func changes(of limit: NamedLimit, at now: Timestamp) -> [(wait: Duration, minute: Int)] {
    let minute = LocalTime.minute(of: now)
    let edges = Set(limit.hours.flatMap { [$0.from % 1440, $0.to % 1440] })
    let waits = edges.map { ($0 > minute ? $0 - minute : $0 - minute + 1440, $0) }.sorted { $0.0 < $1.0 }
    return waits.map { (.seconds($0.0 * 60) - .microseconds(now.microseconds % 60_000_000), $0.1) }
  }

  /// Of a weight that the bounds of now never grant: the refusal until the hours that do; `nil` where none do. It speaks for
  /// nobody else: less may fit now.
  func widening(for charge: Charge, at now: Timestamp) -> LimitVerdict? {
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
  func window(
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
