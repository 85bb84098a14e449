import AstroConfiguration
import AstroCore
import AstroJournal
import AstroLimits
import AstroTestKit
import Testing

@testable import AstroRunner

/// Named limits and budgets over a real journal.
struct AllowancesTests {
  private final class Scene {
    let directory = TemporaryDirectory()
    let clock = HandClock()
    let journal: Journal
    var allowances: Allowances
    private var number = 0

    init(_ limits: [NamedLimit], budgets: [PeriodBudget] = []) throws {
      journal = try Journal.open(dataDirectory: directory.path, bootID: "boot-a", clock: clock)
      allowances = Allowances(
        limits: limits, budgets: budgets,
        rates: RateLimits(configured: [LimiterName.apiCalls: .unlimited, LimiterName.taskSubmission: .unlimited]))
    }

    func demand(
      _ limits: [String], tokens: Int64? = nil, cost: Int64? = 0, user: String = "ann", agent: String = "model"
    ) -> Allowances.Demand {
      number += 1
      return Allowances.Demand(
        key: AttemptKey(workflow: WorkflowID(unchecked: "run"), task: "t\(number)", number: 1), user: user,
        agent: agent, limits: limits, isPerformed: true, isStart: true,
        ceiling: tokens.map { CallCeiling(model: "m", tokens: $0, cost: cost.map { Money(picodollars: $0) }) })
    }

    /// Takes, and begins the attempt that holds what was taken.
    /// - Parameter agent: whose attempt it is, where the call goes to another.
    func take(_ demand: Allowances.Demand, as agent: String? = nil) throws -> Allowances.Answer {
      try journal.commit { transaction in
        let answer = try allowances.take(demand, in: transaction)
        if case .granted = answer {
          try transaction.beginAttempt(
            AttemptRecord(
              key: demand.key, agent: agent ?? demand.agent, launcher: demand.guestRoom?.runner ?? "watch-1",
              started: transaction.now, bootID: "boot-a"))
        }
        return answer
      }
    }

    func works(_ id: CallID) throws -> [String] {
      try journal.commit { transaction in
        try allowances.works(try #require(try transaction.reading.call(id)), in: transaction)
      }
    }

    func settle(
      _ id: CallID, tokens: Int64?, cost: Int64?, sentAt: Int64? = nil, duration: Duration = .seconds(1)
    ) throws {
      let account = CallAccount(
        model: "m", status: tokens == nil ? .error : .success, usage: tokens.map { TokenUsage(output: $0) },
        cost: cost.map { Money(picodollars: $0) }, sentAt: sentAt, duration: duration)
      try journal.commit { transaction in
        let call = try #require(try transaction.settle(id, account))
        try allowances.settle(call, used: account, in: transaction)
      }
    }

    func budget(_ place: BudgetPlace) throws -> BudgetRecord? { try journal.read { try $0.budget(place) } }
  }

  private func limit(_ name: String = "gate", _ bounds: NamedLimit.Bounds) -> NamedLimit {
    NamedLimit(name: name, bounds: bounds)
  }

  private func call(_ answer: Allowances.Answer) -> CallID? {
    if case .granted(let call, _) = answer { call } else { nil }
  }
  private func refusal(_ answer: Allowances.Answer) -> LimitVerdict? {
    if case .refused(let verdict) = answer { verdict } else { nil }
  }

  @Test func aRateIsExactAndItsRefusalNamesItAndTheWait() throws {
    let scene = try Scene([limit("gate", .init(rate: .init(amount: 2, window: .seconds(60))))])
    for _ in 1...2 { #expect(refusal(try scene.take(scene.demand(["gate"]))) == nil) }
    scene.clock.advance(.seconds(20))
    let verdict = try #require(refusal(try scene.take(scene.demand(["gate"]))))
    #expect(verdict.limiter == "gate")
    #expect(verdict.retryAfter == .seconds(40))
    scene.clock.advance(.seconds(40))
    #expect(refusal(try scene.take(scene.demand(["gate"]))) == nil)
  }

  @Test func ofSeveralLimitsAllAreTakenOrNone() throws {
    let scene = try Scene([
      limit("wide", .init(rate: .init(amount: 10, window: .seconds(60)))),
      limit("narrow", .init(rate: .init(amount: 1, window: .seconds(600)))),
    ])
    _ = try scene.take(scene.demand(["wide", "narrow"]))
    for _ in 1...5 {
      let verdict = try #require(refusal(try scene.take(scene.demand(["wide", "narrow"]))))
      #expect(verdict.limiter == "narrow")
      #expect(verdict.retryAfter == .seconds(600))
    }
    let states = try scene.journal.read { try $0.limitStates() }
    #expect(states.filter { $0.limiter == "wide" }.map(\.stored.log.total) == [1])
  }

  @Test func tokensAreReservedWholeAndSettledToWhatWasUsed() throws {
    let scene = try Scene([limit("gate", .init(tokens: .init(amount: 1000, window: .seconds(60))))])
    let first = try #require(call(try scene.take(scene.demand(["gate"], tokens: 800))))
    let verdict = try #require(refusal(try scene.take(scene.demand(["gate"], tokens: 300))))
    #expect(verdict.limiter == "gate/tokens")
    try scene.settle(first, tokens: 100, cost: 0)
    #expect(call(try scene.take(scene.demand(["gate"], tokens: 900))) != nil)
    #expect(call(try scene.take(scene.demand(["gate"], tokens: 1))) == nil)
  }

  @Test func aCallThatIsNeverSettledStaysCounted() throws {
    let scene = try Scene([limit("gate", .init(tokens: .init(amount: 1000, window: .seconds(60))))])
    _ = try scene.take(scene.demand(["gate"], tokens: 800))
    #expect(call(try scene.take(scene.demand(["gate"], tokens: 300))) == nil)
    scene.clock.advance(.seconds(60))
    #expect(call(try scene.take(scene.demand(["gate"], tokens: 300))) != nil)
  }

  @Test func moreThanWasReservedIsChargedAlsoAboveTheLimit() throws {
    let scene = try Scene([limit("gate", .init(tokens: .init(amount: 1000, window: .seconds(60))))])
    let first = try #require(call(try scene.take(scene.demand(["gate"], tokens: 500))))
    try scene.settle(first, tokens: 1500, cost: 0)
    #expect(call(try scene.take(scene.demand(["gate"], tokens: 1))) == nil)
    #expect(try scene.journal.read { try $0.limitStates() }.map(\.stored.log.total) == [1500])
  }

  @Test func whatIsExpectedIsLearnedFromWhatCallsTook() throws {
    var gate = limit("gate", .init(tokens: .init(amount: 10_000, window: .seconds(60))))
    gate.reservation = .expected
    let scene = try Scene([gate])
    for _ in 1...20 {
      let id = try #require(call(try scene.take(scene.demand(["gate"], tokens: 5000))))
      try scene.settle(id, tokens: 50, cost: 0)
    }
    scene.clock.advance(.seconds(60))
    for _ in 1...20 { #expect(call(try scene.take(scene.demand(["gate"], tokens: 5000))) != nil) }
    #expect(try scene.journal.read { try $0.limitStates() }.map(\.stored.log.total) == [1000])
  }

  @Test func whatCanNeverFitIsSaidAtOnce() throws {
    let scene = try Scene([limit("gate", .init(tokens: .init(amount: 1000, window: .seconds(60))))])
    guard case .never(let reason) = try scene.take(scene.demand(["gate"], tokens: 1001)) else {
      Issue.record("granted")
      return
    }
    #expect(
      reason
        == "limit gate/tokens/: exceeds_limit: a weight of 1001 is never granted, the limit is 1000 in 1m")
  }

  @Test func callsOfOneAttemptAtATimeTakeAPlaceEach() throws {
    let scene = try Scene([limit("gate", .init(concurrent: 2))])
    var batch = scene.demand(["gate"], tokens: 10)
    let first = try #require(call(try scene.take(batch)))
    batch.isStart = false
    func ask() throws -> Allowances.Answer {
      try scene.journal.commit { try scene.allowances.take(batch, in: $0) }
    }
    #expect(call(try ask()) != nil)
    #expect(refusal(try ask())?.limiter == "gate/concurrent")
    #expect(refusal(try scene.take(scene.demand(["gate"], tokens: 10)))?.limiter == "gate/concurrent")
    // One is over: whoever asks first has its place, be it another attempt.
    try scene.settle(first, tokens: 1, cost: 0)
    #expect(call(try scene.take(scene.demand(["gate"], tokens: 10))) != nil)
    #expect(refusal(try ask())?.limiter == "gate/concurrent")
  }

  @Test func whoWaitsKeepsNoPlaceThatItHasNoUseFor() throws {
    let places = ["own", "other", "free"].map { limit($0, .init(concurrent: 1)) }
    let scene = try Scene(places)
    var batch = scene.demand(["own"], tokens: 10)
    let first = try #require(call(try scene.take(batch)))
    _ = try scene.take(scene.demand(["other"], tokens: 10, agent: "spare"))
    batch.isStart = false
    batch.agent = "spare"
    batch.limits = ["other", "free"]
    #expect(
      refusal(try scene.journal.commit { try scene.allowances.take(batch, in: $0) })?.limiter == "other/concurrent")
    func leave() throws -> [LimitPlace] {
      try scene.journal.commit { try scene.allowances.leaveIdlePlaces(of: batch, in: $0) }
    }
    // A call is under way there.
    #expect(try leave() == [])
    try scene.settle(first, tokens: 1, cost: 0)
    #expect(refusal(try scene.take(scene.demand(["own"])))?.limiter == "own/concurrent")
    #expect(try leave() == [LimitPlace(limiter: "own", key: "").slots])
    #expect(refusal(try scene.take(scene.demand(["own"]))) == nil)
    #expect(try leave() == [])
  }

  @Test func placesBelongToAttemptsThatRun() throws {
    let scene = try Scene([limit("gate", .init(concurrent: 1))])
    let first = scene.demand(["gate"])
    _ = try scene.take(first)
    let verdict = try #require(refusal(try scene.take(scene.demand(["gate"]))))
    #expect(verdict.limiter == "gate/concurrent")
    let end = AttemptEnding(
      key: first.key, outcome: .performed(.completed, nil), startedAt: scene.clock.now().wall,
      finishedAt: scene.clock.now().wall, duration: .zero)
    _ = try scene.journal.commit { try $0.endAttempt(end, agent: "model") }
    #expect(refusal(try scene.take(scene.demand(["gate"]))) == nil)
  }

  @Test func eachUserHasALimitOfItsOwnWhereItSaysSo() throws {
    var gate = limit("gate", .init(rate: .init(amount: 1, window: .seconds(60))))
    gate.scope = .user
    let scene = try Scene([gate])
    _ = try scene.take(scene.demand(["gate"], user: "ann"))
    #expect(refusal(try scene.take(scene.demand(["gate"], user: "ann")))?.key == "ann")
    #expect(refusal(try scene.take(scene.demand(["gate"], user: "bob"))) == nil)
  }

  @Test func hoursReplaceWhatTheySay() {
    var gate = limit("gate", .init(concurrent: 2, rate: .init(amount: 10, window: .seconds(60))))
    gate.hours = [.init(from: 22 * 60, to: 6 * 60, bounds: .init(rate: .init(amount: 100, window: .seconds(60))))]
    #expect(gate.bounds(atMinute: 12 * 60).rate?.amount == 10)
    #expect(gate.bounds(atMinute: 22 * 60).rate?.amount == 100)
    #expect(gate.bounds(atMinute: 5 * 60 + 59).rate?.amount == 100)
    #expect(gate.bounds(atMinute: 6 * 60).rate?.amount == 10)
    #expect(gate.bounds(atMinute: 23 * 60).concurrent == 2)
  }

  @Test func whatIsTooMuchNowWaitsForTheHoursThatHaveIt() throws {
    let day: Int64 = 1440
    let minute = LocalTime.minute(of: HandClock().now().wall)
    var gate = limit("gate", .init(tokens: .init(amount: 1000, window: .seconds(60))))
    // The first change is still too narrow, the second is wide enough, and the third is not bounded at all.
    gate.hours = [(60, 2000), (120, 5000), (180, Int64.max)].map { start, amount in
      .init(
        from: (minute + start) % Int(day), to: (minute + start + 60) % Int(day),
        bounds: .init(tokens: .init(amount: amount, window: .seconds(60))))
    }
    let scene = try Scene([gate])
    let verdict = try #require(refusal(try scene.take(scene.demand(["gate"], tokens: 3000))))
    #expect(verdict.limiter == "gate/tokens" && !verdict.bindsOthers)
    #expect(verdict.retryAfter == .seconds(120 * 60))
    #expect(call(try scene.take(scene.demand(["gate"], tokens: 900))) != nil)
    scene.clock.advance(verdict.retryAfter)
    #expect(call(try scene.take(scene.demand(["gate"], tokens: 3000))) != nil)
  }

  @Test func whatNoHoursHaveIsSaidAtOnce() throws {
    var gate = limit("gate", .init(tokens: .init(amount: 1000, window: .seconds(60))))
    gate.hours = [.init(from: 0, to: 60, bounds: .init(tokens: .init(amount: 2000, window: .seconds(60))))]
    let scene = try Scene([gate])
    guard case .never = try scene.take(scene.demand(["gate"], tokens: 3000)) else {
      Issue.record("it waits")
      return
    }
  }

  @Test func whatNeverBeganGivesBackWhatItTook() throws {
    let scene = try Scene([
      limit("gate", .init(rate: .init(amount: 1, window: .seconds(60)))),
      limit("other", .init(rate: .init(amount: 1, window: .seconds(60)))),
    ])
    guard case .granted(nil, let charges) = try scene.take(scene.demand(["gate", "other"])) else {
      Issue.record("refused")
      return
    }
    #expect(charges.map(\.place.limiter) == ["gate", "other"])
    let granted = scene.clock.now()
    #expect(refusal(try scene.take(scene.demand(["gate"]))) != nil)
    try scene.journal.commit {
      try scene.allowances.refund(charges, grantedAt: granted.boot, bootID: "boot-a", in: $0)
    }
    #expect(refusal(try scene.take(scene.demand(["gate", "other"]))) == nil)
  }

  @Test func whatAStartTookIsKeptWithItsAttempt() throws {
    let scene = try Scene([])
    let key = scene.demand([]).key
    let charges = [LimitCharge(LimitPlace(limiter: "gate", key: "ann"), weight: 1)]
    try scene.journal.commit { transaction in
      try transaction.beginAttempt(
        AttemptRecord(
          key: key, agent: "sh", launcher: "watch-1", started: transaction.now, bootID: "boot-a", charges: charges))
    }
    #expect(try scene.journal.commit { try $0.withdrawAttempt(key) }?.charges == charges)
  }

  private func cents(_ number: Double) -> Int64 { Int64(number * 10_000_000_000) }

  @Test func sixteenCallsForTheLastCentNeverPassTheCap() throws {
    let scene = try Scene([])
    let place = BudgetPlace.run(WorkflowID(unchecked: "run"))
    func next() throws -> Allowances.Answer {
      var demand = scene.demand([], tokens: 10, cost: cents(0.3))
      demand.runBudget = BudgetPlan(cost: Money(picodollars: cents(1)))
      return try scene.take(demand)
    }
    var granted: [CallID] = []
    for _ in 1...16 {
      let answer = try next()
      if let call = call(answer) {
        granted.append(call)
      } else {
        let verdict = try #require(refusal(answer), "it is only reserved")
        #expect(verdict.limiter == "run_budget" && verdict.key == "run")
        #expect(verdict.bindsOthers && verdict.retryAfter == .seconds(5))
      }
    }
    #expect(granted.count == 3)
    for id in granted { try scene.settle(id, tokens: 10, cost: cents(0.1)) }
    let budget = try #require(try scene.budget(place))
    #expect(budget.costHeld == .zero)
    #expect(budget.costSpent == Money(picodollars: cents(0.3)))
    #expect(budget.calls == 3)
    // What they left goes to two more, and what those take in full leaves nothing.
    granted = try (1...2).map { _ in try #require(call(try next())) }
    #expect(refusal(try next()) != nil)
    for id in granted { try scene.settle(id, tokens: 10, cost: cents(0.3)) }
    guard case .overBudget(let reason) = try next() else {
      Issue.record("it is used up")
      return
    }
    #expect(
      reason == "the budget of the run: of 0.01 USD 0.009 USD are used, and the next call may cost 0.003 USD")
  }

  @Test func whatIsReservedIsNotSaidToBeUsed() throws {
    let scene = try Scene([])
    func next(_ cost: Double) throws -> Allowances.Answer {
      var demand = scene.demand([], tokens: 10, cost: cents(cost))
      demand.runBudget = BudgetPlan(cost: Money(picodollars: cents(1)))
      return try scene.take(demand)
    }
    let first = try #require(call(try next(0.3)))
    try scene.settle(first, tokens: 10, cost: cents(0.3))
    #expect(call(try next(0.5)) != nil)
    guard case .overBudget(let reason) = try next(0.8) else {
      Issue.record("no call that is settled makes room for it")
      return
    }
    #expect(
      reason == "the budget of the run: of 0.01 USD 0.003 USD are used, and the next call may cost 0.008 USD")
  }

  @Test func tokensOfATaskThatAreReservedAreWaitedFor() throws {
    let scene = try Scene([])
    var batch = scene.demand([], tokens: 600)
    batch.budget = BudgetPlan(tokens: 1000)
    let first = try #require(call(try scene.take(batch)))
    batch.isStart = false
    func ask() throws -> Allowances.Answer {
      try scene.journal.commit { try scene.allowances.take(batch, in: $0) }
    }
    let verdict = try #require(refusal(try ask()))
    #expect(verdict.limiter == "task_budget" && verdict.key == "run/t1")
    try scene.settle(first, tokens: 400, cost: 0)
    #expect(call(try ask()) != nil)
  }

  @Test func aCallGivesBackWhereItsBudgetsAreWaitedFor() throws {
    var own = PeriodBudget(name: "own", bounds: BudgetPlan(calls: 9))
    own.scope = .user
    let scene = try Scene([], budgets: [PeriodBudget(name: "daily", bounds: BudgetPlan(calls: 9)), own])
    var demand = scene.demand([], tokens: 10)
    (demand.budget, demand.runBudget) = (BudgetPlan(calls: 9), BudgetPlan(calls: 9))
    let id = try #require(call(try scene.take(demand)))
    let record = try #require(try scene.journal.read { try $0.call(id) })
    let places = scene.allowances.places(givenBackBy: record).filter { $0.limiter.contains("budget") }
    #expect(
      places == [
        LimitPlace(limiter: "task_budget", key: "run/t1"), LimitPlace(limiter: "run_budget", key: "run"),
        LimitPlace(limiter: "budget:daily", key: ""), LimitPlace(limiter: "budget:own", key: "ann"),
      ])
  }

  @Test(arguments: [PeriodBudget.Policy.park, .hold])
  func whatIsReservedOfTheDayIsWaitedForUntilItIsSettled(policy: PeriodBudget.Policy) throws {
    var daily = PeriodBudget(name: "daily", bounds: BudgetPlan(cost: Money(picodollars: cents(1))))
    daily.onExceeded = policy
    let scene = try Scene([], budgets: [daily])
    func next(_ cost: Double) throws -> Allowances.Answer {
      try scene.take(scene.demand([], tokens: 10, cost: cents(cost)))
    }
    let open = try (1...2).map { _ in try #require(call(try next(0.4))) }
    let verdict = try #require(refusal(try next(0.4)))
    #expect(verdict.limiter == "budget:daily" && verdict.bindsOthers && verdict.retryAfter == .seconds(5))
    for id in open { try scene.settle(id, tokens: 10, cost: cents(0.01)) }
    #expect(call(try next(0.4)) != nil)
  }

  @Test func whatIsTooMuchForTheRestOfTheDayHoldsNobodyElse() throws {
    let daily = PeriodBudget(name: "daily", bounds: BudgetPlan(cost: Money(picodollars: cents(1))))
    let scene = try Scene([], budgets: [daily])
    func next(_ cost: Double) throws -> Allowances.Answer {
      try scene.take(scene.demand([], tokens: 10, cost: cents(cost)))
    }
    let first = try #require(call(try next(0.9)))
    try scene.settle(first, tokens: 10, cost: cents(0.9))
    let dear = try #require(refusal(try next(0.2)))
    let end = LocalTime.day(of: scene.clock.now().wall, isLocal: false).end
    #expect(!dear.bindsOthers && dear.retryAfter == end - scene.clock.now().wall)
    let cheap = try #require(call(try next(0.1)))
    try scene.settle(cheap, tokens: 10, cost: cents(0.1))
    // Nothing is left for anybody.
    #expect(refusal(try next(0.01))?.bindsOthers == true)
  }

  @Test func aWindowInWhichACallIsUnderWayIsAskedAgainSoon() throws {
    let day = Duration.seconds(86_400)
    let scene = try Scene([
      limit("gate", .init(spend: .init(amount: cents(1), window: day))),
      limit("other", .init(spend: .init(amount: cents(1), window: day))),
    ])
    func next(_ cost: Double, at limit: String = "gate") throws -> Allowances.Answer {
      try scene.take(scene.demand([limit], tokens: 10, cost: cents(cost)))
    }
    _ = try next(0.1, at: "other")
    let first = try #require(call(try next(0.5)))
    let second = try #require(call(try next(0.4)))
    #expect(refusal(try next(0.5))?.retryAfter == .seconds(5))
    try scene.settle(first, tokens: 10, cost: cents(0.5))
    #expect(refusal(try next(0.5))?.retryAfter == .seconds(5))
    // Of what is taken nothing comes back before it leaves the window, whatever is under way elsewhere.
    try scene.settle(second, tokens: 10, cost: cents(0.4))
    #expect(refusal(try next(0.5))?.retryAfter == day)
    #expect(call(try next(0.1)) != nil)
    #expect(refusal(try next(0.1))?.retryAfter == .seconds(5))
  }

  @Test func aModelWithoutAPriceIsRefusedWhereMoneyIsBounded() throws {
    let scene = try Scene([limit("gate", .init(spend: .init(amount: 1_000, window: .seconds(60))))])
    var demand = scene.demand([], tokens: 10, cost: nil)
    demand.runBudget = BudgetPlan(cost: Money(picodollars: 1000))
    guard case .overBudget(let why) = try scene.take(demand) else {
      Issue.record("granted")
      return
    }
    #expect(why == "the budget of the run: the model 'm' has no price in config/models.yaml")
    guard case .never(let reason) = try scene.take(scene.demand(["gate"], tokens: 10, cost: nil)) else {
      Issue.record("granted")
      return
    }
    #expect(reason == "limit gate/spend_usd: the model 'm' has no price in config/models.yaml")
  }

  @Test func aBudgetOfTheDayParksUntilTheNext() throws {
    var daily = PeriodBudget(name: "daily", bounds: BudgetPlan(calls: 1))
    daily.scope = .user
    let scene = try Scene([], budgets: [daily])
    _ = try scene.take(scene.demand([], tokens: 10))
    let verdict = try #require(refusal(try scene.take(scene.demand([], tokens: 10))))
    #expect(verdict.limiter == "budget:daily")
    let now = scene.clock.now().wall
    #expect(verdict.resetAt == LocalTime.day(of: now, isLocal: false).end)
    #expect(verdict.retryAfter == verdict.resetAt - now)
    #expect(call(try scene.take(scene.demand([], tokens: 10, user: "bob"))) != nil)
    scene.clock.advance(verdict.retryAfter)
    #expect(call(try scene.take(scene.demand([], tokens: 10))) != nil)
  }

  @Test func whatAProviderSaysHoldsForEverybodyBehindIt() throws {
    let scene = try Scene([limit("gate", .init(rate: .init(amount: 100, window: .seconds(60))))])
    let until = scene.clock.now().boot + 30_000_000
    let run = WorkflowID(unchecked: "run")
    try scene.journal.commit {
      try scene.allowances.block(agent: "model", limits: ["gate"], user: "ann", run: run, until: until, in: $0)
    }
    #expect(refusal(try scene.take(scene.demand([])))?.limiter == "provider")
    let other = try #require(refusal(try scene.take(scene.demand(["gate"], agent: "twin"))))
    #expect(other.limiter == "gate")
    #expect(other.retryAfter == .seconds(30))
    scene.clock.advance(.seconds(30))
    #expect(refusal(try scene.take(scene.demand(["gate"]))) == nil)
  }

  @Test func aSpentKeyStopsAllWhoHaveItUntilOneCallIsAnswered() throws {
    let scene = try Scene([])
    scene.allowances.accounts = ["model": "url env KEY", "twin": "url env KEY", "other": "url env OTHER"]
    let before = try #require(call(try scene.take(scene.demand([], tokens: 1))))
    scene.clock.advance(.seconds(1))
    let spent = try scene.journal.commit { try scene.allowances.spend("model", because: "pay", in: $0) }
    #expect(spent?.pause == .seconds(300))
    // Those that were under way with it say so once.
    #expect(try scene.journal.commit { try scene.allowances.spend("twin", because: "pay", in: $0) } == nil)
    let verdict = try #require(refusal(try scene.take(scene.demand([], tokens: 1, agent: "twin"))))
    #expect(verdict.limiter == "provider_quota" && verdict.key == "twin" && verdict.retryAfter == .seconds(300))
    #expect(call(try scene.take(scene.demand([], tokens: 1, agent: "other"))) != nil)
    scene.clock.advance(.seconds(300))
    // One call tries it, the others wait for what becomes of that, ever longer.
    let trial = try #require(call(try scene.take(scene.demand([], tokens: 1))))
    #expect(refusal(try scene.take(scene.demand([], tokens: 1)))?.retryAfter == .seconds(600))
    // One that was sent before the refusal says nothing of the key.
    #expect(try scene.works(before) == [])
    #expect(try scene.works(trial) == ["model", "twin"])
    #expect(call(try scene.take(scene.demand([], tokens: 1))) != nil)
  }

  @Test func aTrialThatIsNotMadeIsLeftToTheNext() throws {
    let scene = try Scene([])
    scene.allowances.accounts = ["model": "url env KEY"]
    _ = try scene.journal.commit { try scene.allowances.spend("model", because: "pay", in: $0) }
    scene.clock.advance(.seconds(300))
    let trial = try #require(call(try scene.take(scene.demand([], tokens: 1))))
    #expect(call(try scene.take(scene.demand([], tokens: 1))) == nil)
    try scene.journal.commit { transaction in
      let call = try #require(try transaction.withdraw(trial))
      try scene.allowances.letAnotherAsk(insteadOf: call, in: transaction)
    }
    #expect(call(try scene.take(scene.demand([], tokens: 1))) != nil)
    // As if it had never been: the pause has doubled once.
    #expect(refusal(try scene.take(scene.demand([], tokens: 1)))?.retryAfter == .seconds(600))
  }

  @Test func aSpentKeyIsTriedEverLessOftenAndOnceAnHourAtLeast() {
    var key = SpentKey(account: "a", until: Timestamp(microseconds: 0), reason: "pay")
    var pauses: [Int64] = []
    for _ in 1...6 {
      key = key.asked(at: key.until)
      pauses.append(key.pause.microseconds / 1_000_000)
    }
    #expect(pauses == [600, 1200, 2400, 3600, 3600, 3600])
  }

  @Test func whereAFallbackHasAnotherKeyWorkBeginsAllTheSame() throws {
    let scene = try Scene([limit("gate", .init(rate: .init(amount: 1, window: .seconds(60))))])
    scene.allowances.accounts = ["model": "a", "spare": "b"]
    _ = try scene.journal.commit { try scene.allowances.spend("model", because: "pay", in: $0) }
    var demand = scene.demand(["gate"], tokens: 1)
    demand.fallbacks = ["spare"]
    guard case .granted(nil, let charges) = try scene.take(demand) else {
      Issue.record("it does not begin, or with a call")
      return
    }
    #expect(charges.isEmpty)
    var one = scene.demand(["gate"], tokens: 1)
    one.isStart = false
    guard case .spent(let key) = try scene.take(one) else {
      Issue.record("the key is used")
      return
    }
    #expect(key.reason == "pay")
    _ = try scene.journal.commit { try scene.allowances.spend("spare", because: "pay", in: $0) }
    #expect(refusal(try scene.take(demand))?.limiter == "provider_quota")
  }

  /// Two places: one is an attempt's of its own, one a call's of an attempt that fell back on it.
  @Test func anAgentTakesNoMoreCallsThanItsOwnAlsoOfThoseWhoFallBackOnIt() throws {
    let scene = try Scene([])
    func guest(of runner: String = "watch-1") -> Allowances.Demand {
      var demand = scene.demand([], tokens: 1, agent: "spare")
      demand.guestRoom = .init(most: 2, runner: runner)
      return demand
    }
    #expect(call(try scene.take(guest(), as: "spare")) != nil)
    let first = try #require(call(try scene.take(guest(), as: "main")))
    let verdict = try #require(refusal(try scene.take(guest(), as: "main")))
    #expect(verdict.limiter == "provider/concurrent" && verdict.key == "spare" && verdict.bindsOthers)
    #expect(verdict.limit == 2 && verdict.retryAfter == .seconds(5))
    #expect(refusal(try scene.take(guest(), as: "spare"))?.limiter == "provider/concurrent")
    // Each runner gives so many.
    #expect(call(try scene.take(guest(of: "watch-2"), as: "main")) != nil)
    // A call that is over leaves its place, whether or not its attempt goes on.
    try scene.settle(first, tokens: 1, cost: 0)
    #expect(call(try scene.take(guest(), as: "main")) != nil)
  }

  @Test func ofABatchTheLedgerKnowsWhichRequestACallIs() throws {
    let scene = try Scene([])
    var demand = scene.demand([], tokens: 1)
    demand.line = 7
    let id = try #require(call(try scene.take(demand)))
    #expect(try scene.journal.read { try $0.call(id) }?.line == 7)
    #expect(demand.call?.line == 7)
    let other = try #require(call(try scene.take(scene.demand([], tokens: 1))))
    #expect(try scene.journal.read { try $0.call(other) }?.line == nil)
  }

  @Test func aNoticePausesWhenNothingIsLeft() {
    var notice = ProviderNotice(requests: .init(remaining: 1, reset: .seconds(7)))
    #expect(notice.pause == nil)
    notice.requests?.remaining = 0
    #expect(notice.pause == .seconds(7))
    notice.wait = .seconds(20)
    #expect(notice.pause == .seconds(20))
    #expect(ProviderNotice(tokens: .init(remaining: 0, reset: .seconds(2))).pause == .seconds(2))
    #expect(ProviderNotice().pause == nil)
  }

  @Test func noMoreCallsAreUnderWayThanTheProviderHasLeft() throws {
    let scene = try Scene([])
    let now = scene.clock.now().boot
    let notice = ProviderNotice(requests: .init(limit: 60, remaining: 2, reset: .seconds(7)))
    scene.allowances.learn(notice, of: "model", sentAt: now, at: now)
    let first = try #require(call(try scene.take(scene.demand([], tokens: 1))))
    #expect(call(try scene.take(scene.demand([], tokens: 1))) != nil)
    let verdict = try #require(refusal(try scene.take(scene.demand([], tokens: 1))))
    #expect(verdict.limiter == "provider/concurrent")
    #expect(verdict.retryAfter == .seconds(5))
    #expect(call(try scene.take(scene.demand([], tokens: 1, agent: "twin"))) != nil)
    try scene.settle(first, tokens: 1, cost: 0)
    #expect(call(try scene.take(scene.demand([], tokens: 1))) != nil)
    scene.clock.advance(.seconds(7))
    #expect(call(try scene.take(scene.demand([], tokens: 1))) != nil)
  }

  /// It was sent after 10 s, and was there within a 256th of the window, or before it was answered.
  @Test(arguments: [(30_000, 1_000), (200, 200)])
  func aCallIsCountedFromWhenItsProviderSawItAtTheLatest(answered: Int, there: Int) throws {
    let scene = try Scene([limit("gate", .init(rate: .init(amount: 1, window: .seconds(256))))])
    let id = try #require(call(try scene.take(scene.demand(["gate"], tokens: 1))))
    scene.clock.advance(.seconds(10))
    let sent = scene.clock.now().boot
    scene.clock.advance(.seconds(30))
    try scene.settle(id, tokens: 1, cost: 0, sentAt: sent, duration: .milliseconds(answered))
    let verdict = try #require(refusal(try scene.take(scene.demand(["gate"], tokens: 1))))
    #expect(verdict.retryAfter == .seconds(256 + 10 - 40) + .milliseconds(there))
  }
}
