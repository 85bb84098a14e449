import AstroCore
import Testing

@testable import AstroScheduling

/// Agents that perform attempts themselves, the limits they share, and attempts that are parked half-way.
struct PerformerTests {
  private func world(parallel: Int = 1, slots: Int = 3, limits: [String] = []) -> World {
    World(
      parallel: parallel,
      agents: [
        .shell(),
        .init(
          id: "model", kind: "llm", capabilities: ["text"], maxConcurrent: slots, form: .with, isPerformer: true,
          limits: limits),
      ])
  }

  private func asks(_ name: String, limits: [String] = []) -> TaskPlan {
    .named(name) {
      $0.work = .request(.constant(.map([:])))
      $0.agent = AgentRequest(form: .with)
      $0.limits = limits
    }
  }

  private func denial(_ limiter: String, _ start: AttemptStart, after wait: Duration) -> LimitVerdict {
    LimitVerdict(
      limiter: limiter, key: "", allowed: false, limit: 1, remaining: 0, resetAt: Timestamp(microseconds: 0),
      retryAfter: wait)
  }

  @Test func whatIsPerformedTakesNoneOfTheMachinesSlots() {
    let world = world(parallel: 1, slots: 3)
    world.tell(.admitted(.of([.named("a"), .named("b")] + (1...5).map { asks("q\($0)") })))
    #expect(world.runningTasks == ["a", "q1", "q2", "q3"])
    world.end("q2", .performed(.completed, nil))
    #expect(world.runningTasks == ["a", "q1", "q3", "q4"])
    #expect(world.states["q2"] == .succeeded)
  }

  @Test func aTaskWithARequestNeverGoesToAnAgentThatRunsCommands() {
    let world = World(agents: [.shell()])
    world.tell(.admitted(.of([asks("q")])))
    #expect(world.runningTasks.isEmpty)
    #expect(!world.isBusy)
  }

  @Test func aNamedLimitThatIsUsedUpHoldsThoseAloneWhoNeedIt() {
    let world = world()
    var asked: [String] = []
    world.limiter = { start in
      guard start.limits == ["gate"] else { return nil }
      asked.append(start.key.task)
      return denial("gate", start, after: .seconds(10))
    }
    world.tell(.admitted(.of((1...50).map { asks("g\($0)", limits: ["gate"]) } + [asks("q3")])))
    #expect(world.runningTasks == ["q3"])
    // As many as have room ask, and their refusal speaks for all others.
    #expect(asked == ["g1", "g2", "g3"])
    world.limiter = { _ in nil }
    world.advance(.seconds(9))
    #expect(world.runningTasks == ["q3"])
    world.advance(.seconds(1))
    #expect(world.runningTasks == ["g1", "g2", "q3"])
  }

  @Test func whatIsTooMuchForNowHoldsNobodyElse() {
    let world = world()
    world.limiter = { start in
      guard start.key.task == "q1" else { return nil }
      var verdict = denial("gate/tokens", start, after: .seconds(10))
      verdict.bindsOthers = false
      return verdict
    }
    world.tell(.admitted(.of([asks("q1", limits: ["gate"]), asks("q2", limits: ["gate"])])))
    #expect(world.runningTasks == ["q2"])
    #expect(world.states["q1"] == .waiting && world.reasons["q1"] == "limit gate/tokens")
    world.limiter = { _ in nil }
    world.advance(.seconds(10))
    #expect(world.runningTasks == ["q1", "q2"])
  }

  /// Of its fallback's limits the lane of a task knows nothing.
  @Test(arguments: [LimiterName.quota, "gate"])
  func whatWaitsByItselfIsAskedAgainWhenItsKeyWorksOrLimitsWereChanged(limiter: String) {
    let world = world()
    let place = LimitPlace(limiter: limiter, key: "spare")
    world.limiter = { start in
      guard start.key.task == "q1" else { return nil }
      return LimitVerdict(
        limiter: limiter, key: "spare", allowed: false, limit: 1, remaining: 0, resetAt: Timestamp(microseconds: 0),
        retryAfter: .seconds(300))
    }
    world.tell(.admitted(.of([asks("q1"), asks("q2")])))
    #expect(world.states["q1"] == .waiting && world.reasons["q1"] == "limit \(limiter)")
    world.limiter = { _ in nil }
    world.tell(.opened([LimitPlace(limiter: "narrow", key: "spare")]))
    #expect(world.runningTasks == ["q2"])
    world.tell(.opened([place]))
    #expect(world.runningTasks == (limiter == LimiterName.quota ? ["q1", "q2"] : ["q2"]))
    world.scheduler.unblock()
    world.tell()
    #expect(world.runningTasks == ["q1", "q2"])
    // The time that it was told before means nothing any more.
    world.end("q1", .performed(.completed, nil))
    world.advance(.seconds(300))
    #expect(world.states["q1"] == .succeeded)
    #expect(world.launched.count == 2)
  }

  @Test func whatNeverBeganIsToldFromWhatDid() throws {
    let world = world(limits: ["gate"])
    var seed = RunSeed.of([asks("q1")])
    seed.restored = ["q1": RestoredTask(state: .running, attempts: 1, counted: 1, flight: .interrupted)]
    world.tell(.admitted(seed))
    let key = try #require(world.running.keys.first)
    // Performed before by a runner that is gone: how far nobody knows.
    #expect(world.forgotten.map(\.key) == [key] && world.begunAndForgotten == [key])
    world.running[key] = nil
    world.tell(.parked(key, LimitPlace(limiter: "gate", key: ""), until: world.now.boot + 10_000_000))
    #expect(world.begunAndForgotten == [key, key])
  }

  @Test func aPlaceThatComesFreeIsGivenAwayAtOnce() {
    let world = world()
    world.limiter = { start in
      start.key.task == "q2" ? denial("gate/concurrent", start, after: .seconds(5)) : nil
    }
    world.tell(.admitted(.of([asks("q1", limits: ["gate"]), asks("q2", limits: ["gate"])])))
    #expect(world.runningTasks == ["q1"])
    world.limiter = { _ in nil }
    world.end("q1", .performed(.completed, nil))
    #expect(world.runningTasks == ["q2"])
  }

  @Test func anAttemptThatIsParkedGoesOnUnderItsNumber() throws {
    let world = world(limits: ["gate"])
    world.tell(.admitted(.of([asks("q1"), asks("q2")])))
    let key = try #require(world.running.keys.first { $0.task == "q1" })
    world.running[key] = nil
    world.tell(.parked(key, LimitPlace(limiter: "gate", key: ""), until: world.now.boot + 10_000_000))
    #expect(world.runningTasks == ["q2"])
    #expect(world.forgotten.map(\.key) == [key])
    // Nothing else that needs the limit begins meanwhile.
    world.tell(.admitted(.of([asks("q3")], id: "other")))
    #expect(world.runningTasks == ["q2"])
    world.advance(.seconds(10))
    #expect(world.runningTasks == ["q1", "q2", "q3"])
    #expect(world.running.keys.contains(key))
    #expect(world.closed.isEmpty)
  }

  // MARK: Agents that others fall back on

  private func fallingBack() -> World {
    World(
      parallel: 1,
      agents: [
        .init(
          id: "main", kind: "llm", capabilities: ["main"], maxConcurrent: 8, form: .with, isPerformer: true,
          limits: ["wide"], fallbacks: ["spare"]),
        .init(
          id: "spare", kind: "llm", capabilities: ["spare"], maxConcurrent: 8, form: .with, isPerformer: true,
          limits: ["narrow"]),
      ])
  }

  private func asks(_ name: String, of agent: String) -> TaskPlan {
    .named(name) {
      $0.work = .request(.constant(.map([:])))
      $0.agent = AgentRequest(name: agent, form: .with)
    }
  }

  /// It may have held one there: nobody knows until it has ended.
  @Test func whoFallsBackGivesItsPlacesThereAwayWithItsEnd() {
    let world = fallingBack()
    world.limiter = { start in
      start.key.task == "s" ? denial("narrow/concurrent", start, after: .seconds(5)) : nil
    }
    world.tell(.admitted(.of([asks("m", of: "main"), asks("s", of: "spare")])))
    #expect(world.runningTasks == ["m"])
    world.limiter = { _ in nil }
    world.end("m", .performed(.completed, nil))
    #expect(world.runningTasks == ["s"])
  }

  @Test func aPlaceThatComesFreeGoesToOneOfThoseWhoWaitForItAlone() throws {
    let world = fallingBack()
    let place = LimitPlace(limiter: "provider", key: "spare").slots
    world.tell(.admitted(.of((1...3).map { asks("m\($0)", of: "main") })))
    for key in world.running.keys.sorted(by: { $0.task < $1.task }) {
      world.running[key] = nil
      world.tell(.parked(key, place, until: world.now.boot + 5_000_000))
    }
    #expect(world.runningTasks.isEmpty && world.states == ["m1": .waiting, "m2": .waiting, "m3": .waiting])
    world.tell(.opened([place]))
    #expect(world.runningTasks == ["m1"])
    world.tell(.opened([place]))
    #expect(world.runningTasks == ["m1", "m2"])
    // The others ask by themselves in the end.
    world.advance(.seconds(5))
    #expect(world.runningTasks == ["m1", "m2", "m3"])
    world.tell(.opened([place]))
    #expect(world.launched.count == 6)
  }

  @Test func aKeyThatWorksAgainWakesAllWhoWaitForItAlone() throws {
    let world = fallingBack()
    let place = LimitPlace(limiter: "provider_quota", key: "spare")
    world.tell(.admitted(.of((1...3).map { asks("m\($0)", of: "main") })))
    for key in world.running.keys.sorted(by: { $0.task < $1.task }).dropLast() {
      world.running[key] = nil
      world.tell(.parked(key, place, until: world.now.boot + 3_600_000_000))
    }
    #expect(world.scheduler.awaitedKeys(alone: true) == ["spare"])
    world.tell(.opened([place]))
    #expect(world.runningTasks == ["m1", "m2", "m3"])
    #expect(world.scheduler.awaitedKeys(alone: true).isEmpty)
  }

  @Test func whoWaitsAloneAndIsCancelledIsForgotten() throws {
    let world = fallingBack()
    let place = LimitPlace(limiter: "provider_quota", key: "spare")
    let seed = RunSeed.of([asks("m", of: "main")])
    world.tell(.admitted(seed))
    let key = try #require(world.running.keys.first)
    world.running[key] = nil
    world.tell(.parked(key, place, until: world.now.boot + 3_600_000_000))
    world.tell(.cancel(seed.id))
    #expect(world.ended[seed.id]?.state == .cancelled && world.scheduler.awaitedKeys(alone: true).isEmpty)
  }

  @Test func aTimeoutOfTheFirstPartDoesNotEndTheSecond() throws {
    let world = world()
    var task = asks("q")
    task.timeout = .seconds(60)
    world.tell(.admitted(.of([task])))
    let key = try #require(world.running.keys.first)
    world.running[key] = nil
    world.tell(.parked(key, LimitPlace(limiter: "provider", key: "model"), until: world.now.boot + 50_000_000))
    world.advance(.seconds(50))
    #expect(world.runningTasks == ["q"])
    world.advance(.seconds(30))
    #expect(world.signals.isEmpty)
    world.advance(.seconds(30))
    #expect(world.signals.map(\.0) == [key])
  }

  @Test func anAttemptAskedToEndWhileItParksEndsAsItWasAsked() throws {
    let world = world()
    let seed = RunSeed.of([asks("q")])
    world.tell(.admitted(seed))
    let key = try #require(world.running.keys.first)
    world.tell(.cancel(seed.id))
    world.running[key] = nil
    world.tell(.parked(key, LimitPlace(limiter: "provider", key: "model"), until: world.now.boot + 1))
    #expect(world.states["q"] == .cancelled)
    #expect(world.ended[seed.id]?.state == .cancelled)
  }

  @Test func aBudgetThatIsUsedUpHoldsTheRunAndKeepsWhatRuns() throws {
    let world = world()
    let seed = RunSeed.of([asks("q1"), asks("q2"), asks("q3"), asks("q4")])
    world.tell(.admitted(seed))
    let key = try #require(world.running.keys.first { $0.task == "q2" })
    world.running[key] = nil
    world.tell(.overBudget(key, "the budget of the run: used up"))
    #expect(world.heldBecause == [seed.id: "the budget of the run: used up"])
    #expect(world.runningTasks == ["q1", "q3"])
    world.end("q1", .performed(.completed, nil))
    #expect(world.runningTasks == ["q3"])
    world.tell(.release(seed.id))
    #expect(world.runningTasks == ["q2", "q3", "q4"])
    #expect(world.running.keys.contains(key))
  }

  private func lastOf(_ world: World) -> RunSeed {
    let last = TaskPlan.named("last", needs: [0]) {
      $0.condition = .call(.always, [])
      $0.work = .request(.constant(.map([:])))
      $0.agent = AgentRequest(form: .with)
      $0.limits = ["gate"]
    }
    let seed = RunSeed.of([asks("q"), last])
    world.tell(.admitted(seed))
    world.tell(.cancel(seed.id))
    return seed
  }

  @Test func whatSurvivesACancelWaitsForItsLimit() {
    let world = world()
    world.limiter = { $0.key.task == "last" ? denial("gate", $0, after: .seconds(10)) : nil }
    let seed = lastOf(world)
    world.end("q", .performed(.cancelled, nil))
    #expect(world.runningTasks.isEmpty && world.ended[seed.id] == nil)
    world.limiter = { _ in nil }
    world.advance(.seconds(10))
    #expect(world.runningTasks == ["last"])
    world.end("last", .performed(.completed, nil))
    #expect(world.ended[seed.id]?.state == .cancelled)
  }

  /// A run that is cancelled is not held, and nobody would release it.
  @Test func whatSurvivesACancelAndHasNoBudgetLeftFails() throws {
    let world = world()
    let seed = lastOf(world)
    world.end("q", .performed(.cancelled, nil))
    let key = try #require(world.running.keys.first)
    world.running[key] = nil
    world.tell(.overBudget(key, "the budget of the run: used up"))
    #expect(world.states["last"] == .failed && world.ended[seed.id]?.state == .cancelled)
    #expect(world.heldBecause.isEmpty)
  }

  @Test func aBudgetThatIsReservedHoldsTheTasksOfItsRunUntilACallIsSettled() {
    let world = world(slots: 9)
    let place = LimitPlace(limiter: LimiterName.runBudget, key: "first")
    var asked: [String] = []
    world.limiter = { start in
      guard start.key.workflow.text == "first", start.agent == "model" else { return nil }
      asked.append(start.key.task)
      guard start.key.task != "q1" else { return nil }
      return LimitVerdict(
        limiter: place.limiter, key: place.key, allowed: false, limit: 1, remaining: 0,
        resetAt: Timestamp(microseconds: 0), retryAfter: .seconds(5))
    }
    let tasks = (1...50).map { asks("q\($0)") } + [.named("c", needs: [0])]
    world.tell(.admitted(.of(tasks, id: "first") { $0.budget = BudgetPlan(calls: 1) }))
    world.tell(.admitted(.of([asks("other")], id: "second") { $0.budget = BudgetPlan(calls: 1) }))
    #expect(world.runningTasks == ["other", "q1"])
    #expect(world.heldBecause.isEmpty && world.forgotten.isEmpty)
    // As many as have room ask, and their refusal speaks for all others.
    #expect(asked.count == 9)
    world.end("q1", .performed(.completed, nil))
    #expect(world.runningTasks == ["c", "other"], "what costs nothing goes on")
    world.limiter = { _ in nil }
    world.tell(.opened([place]))
    #expect(world.runningTasks.count == 2 + 8)
  }

  @Test func anAttemptThatAsksTooMuchOfABudgetHoldsNobodyElse() throws {
    let world = world(slots: 1, limits: ["gate"])
    world.tell(.admitted(.of([asks("q1"), asks("q2")])))
    let key = try #require(world.running.keys.first)
    world.running[key] = nil
    let gate = LimitPlace(limiter: "gate", key: "")
    world.tell(.parked(key, gate, until: world.now.boot + 3_600_000_000, bindsOthers: false))
    #expect(world.runningTasks == ["q2"])
    world.end("q2", .performed(.completed, nil))
    #expect(world.runningTasks.isEmpty)
    world.advance(.seconds(3600))
    #expect(world.runningTasks == ["q1"])
  }

  @Test func aStartThatCanNeverBeGrantedFailsItsTask() {
    let world = world()
    world.refusal = { $0.key.task == "q1" ? "too much" : nil }
    world.tell(.admitted(.of([asks("q1"), asks("q2")])))
    #expect(world.states == ["q1": .failed])
    #expect(world.reasons["q1"] == "too much")
    #expect(world.runningTasks == ["q2"])
  }

  @Test func endingsThatSayNothingOfTheAgentDoNotCount() {
    let world = world(slots: 10)
    world.tell(.admitted(.of((1...4).map { asks("q\($0)") })))
    for (task, ending) in [("q1", AgentEnding.refused), ("q2", .maxCost), ("q3", .rateLimited), ("q4", .truncated)] {
      world.end(task, .performed(ending, "why"))
    }
    #expect(world.scheduler.agentRecord("model")?.reliability == 1)
    #expect(world.states["q1"] == .failed)
    #expect(world.reasons["q1"] == "why")
  }

  @Test func aLimitThatIsCountedByRunsFromNowOnFindsItsTasksAgain() {
    let world = world(slots: 1)
    world.tell(.admitted(.of((1...3).map { asks("q\($0)", limits: ["gate"]) })))
    #expect(world.runningTasks == ["q1"])
    var policy = Scheduler.Policy(parallel: 1)
    policy.scopes = ["gate": .workflow]
    world.scheduler.reconfigure(policy, world.scheduler.agentPool.members)
    // Refused once, the limit closes the lane that the others are in now.
    world.limiter = { start in
      LimitVerdict(
        limiter: "gate", key: "run", allowed: false, limit: 1, remaining: 0, resetAt: Timestamp(microseconds: 0),
        retryAfter: .seconds(10))
    }
    world.end("q1", .performed(.completed, nil))
    #expect(world.runningTasks.isEmpty)
    world.limiter = { _ in nil }
    world.advance(.seconds(10))
    #expect(world.runningTasks == ["q2"])
  }

  @Test func anAgentOfAnotherNatureIsAnotherAgentAndLeavesNoSlotTaken() {
    let world = World(parallel: 1, ahead: 0, agents: [.shell("a")])
    world.tell(.admitted(.of([.named("r1"), .named("r2")])))
    #expect(world.runningTasks == ["r1"])
    let other = AgentPool.Member(
      id: "a", kind: "llm", capabilities: [], maxConcurrent: 1, form: .with, isPerformer: true)
    world.scheduler.reconfigure(Scheduler.Policy(parallel: 1), [other, .shell("b")])
    world.end("r1")
    #expect(world.runningTasks == ["r2"])
    #expect(world.agentsOfLaunches == ["a", "b"])
  }

  @Test func aTaskThatWasCancelledByNobodyIsNoSuccess() {
    let world = world()
    let seed = RunSeed.of([asks("q")])
    world.tell(.admitted(seed))
    world.end("q", .cancelled(nil))
    #expect(world.ended[seed.id]?.state == .failed)
    #expect(world.ended[seed.id]?.reason == "a task was cancelled")
  }
}
