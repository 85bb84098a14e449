import AstroCore
import AstroScheduling
import Testing

/// Tasks that an equal one may spare: asked about before anything is taken for them.
@Suite struct CachingTests {
  private func cached(_ id: String, needs: [Int] = [], _ change: (inout TaskPlan) -> Void = { _ in }) -> TaskPlan {
    .named(id, needs: needs) { task in
      task.cache = CachePlan()
      change(&task)
    }
  }

  private func hit(_ world: World, _ start: AttemptStart, agent: String = "shell") -> Event {
    var ending = world.ending(start.key, .exited(0), outputs: ["n": "1"])
    ending.isCached = true
    return .cached(ending, agent: agent)
  }

  @Test func aHitAsksNoLimit() {
    let world = World()
    world.limiter = { _ in .denied("gpu") }
    world.cache = { start, _ in hit(world, start) }
    world.tell(.admitted(.of([cached("a"), .named("b", needs: [0])])))
    #expect(world.states["a"] == .succeeded)
    #expect(world.started == [WorkflowID(unchecked: "run")])
    #expect(world.closed.map(\.key.number) == [1])
    #expect(world.closedBy == ["shell"])
    #expect(world.launched.isEmpty)
  }

  @Test func aHitNeedsNoSlot() {
    let world = World(parallel: 1, agents: [.shell(slots: 1)])
    world.tell(.admitted(.of([.named("long")], id: "first")))
    world.cache = { start, _ in hit(world, start) }
    world.tell(.admitted(.of([cached("a")])))
    #expect(world.runningTasks == ["long"])
    #expect(world.ended[WorkflowID(unchecked: "run")]?.state == .succeeded)
  }

  @Test func aHitNeedsNoHealthyAgent() {
    let world = World(records: ["shell": .init(infrastructureFailures: 3)])
    world.cache = { start, _ in hit(world, start) }
    world.tell(.admitted(.of([cached("a"), .named("b")])))
    #expect(world.states == ["a": .succeeded])
  }

  @Test func everyAgentThatCouldTakeItIsAskedAbout() {
    let world = World(agents: [.shell("one"), .shell("two"), .shell("other", capabilities: [])])
    world.tell(.admitted(.of([cached("a") { $0.agent.capabilities = ["shell"] }])))
    #expect(world.lookedUp.map(\.agents) == [["one", "two"]])
    #expect(world.running.values.map(\.ticket) == [CacheTicket(key: "one key")])
  }

  @Test func whatIsNotCachedIsNotLookedUp() {
    let world = World()
    world.tell(.admitted(.of([.named("a"), cached("b")], params: [RunOption.noCache: .bool(true)])))
    #expect(world.lookedUp.isEmpty)
    #expect(world.runningTasks == ["a", "b"])
  }

  @Test func whatWasLookedUpUnderAnotherConfigurationIsLookedUpAgain() {
    let world = World()
    var policy = Scheduler.Policy(parallel: 2)
    policy.generation = 1
    world.scheduler.reconfigure(policy, [.shell()])
    var old = CacheTicket(key: "old")
    world.cache = { start, _ in
      defer { old.generation = 1 }
      return .missed(start.key, ["shell": old])
    }
    world.tell(.admitted(.of([cached("a")])))
    #expect(world.lookedUp.count == 2)
    #expect(world.running.values.map(\.ticket?.generation) == [1])
  }

  @Test func aTaskThatWaitsForALimitIsAskedAboutOnce() {
    let world = World()
    world.limiter = { _ in .denied("task_submission") }
    world.tell(.admitted(.of([cached("a")])))
    for _ in 1...5 { world.advance(.seconds(300)) }
    #expect(world.lookedUp.count == 1)
    world.limiter = { _ in nil }
    world.advance(.seconds(300))
    #expect(world.runningTasks == ["a"])
  }

  @Test func aRetryIsAskedAboutAgain() {
    let world = World()
    world.tell(.admitted(.of([cached("a") { $0.retry = RetryPolicy(attempts: 2, jitter: false) }])))
    world.end("a", .exited(1))
    world.cache = { start, _ in hit(world, start) }
    world.advance(.seconds(1))
    #expect(world.lookedUp.map(\.key.number) == [1, 2])
    #expect(world.states == ["a": .succeeded])
  }

  @Test func aFollowerWaitsWithoutATimeUntilItIsTold() {
    let world = World()
    world.cache = { start, _ in .follows(start.key) }
    world.tell(.admitted(.of([cached("a")])))
    #expect(world.updates.map(\.state) == [.waiting])
    #expect(world.updates.map(\.notBefore) == [nil])
    #expect(world.reasons == ["a": "an equal task is under way, and its result will do for this one too"])
    for _ in 1...100 { world.advance(.seconds(5)) }
    #expect(world.updates.count == 1)
    #expect(world.lookedUp.count == 1)
    world.cache = { start, _ in hit(world, start) }
    let key = AttemptKey(workflow: WorkflowID(unchecked: "run"), task: "a", number: 1)
    world.tell(.preceded([key, key]))
    #expect(world.updates.map(\.state) == [.waiting, .pending, .succeeded])
    #expect(world.lookedUp.map(\.key) == [key, key] && world.closed.map(\.key) == [key])
  }

  @Test func whoeverWaitsForALimitIsSparedByAnEqualOne() {
    let world = World()
    world.limiter = { _ in .denied("task_submission") }
    world.tell(.admitted(.of([cached("a"), .named("b")])))
    world.cache = { start, _ in hit(world, start) }
    world.tell(.preceded([AttemptKey(workflow: WorkflowID(unchecked: "run"), task: "a", number: 1)]))
    #expect(world.states == ["a": .succeeded])
  }

  @Test func anEqualOneThatBeganMeanwhileIsFollowed() {
    let world = World()
    world.begunInstead = { start in start.key.task == "b" ? .follows(start.key) : nil }
    world.tell(.admitted(.of([cached("a"), cached("b")])))
    #expect(world.runningTasks == ["a"])
    world.begunInstead = { start in hit(world, start) }
    world.end("a")
    world.tell(.preceded([AttemptKey(workflow: WorkflowID(unchecked: "run"), task: "b", number: 1)]))
    #expect(world.states == ["a": .succeeded, "b": .succeeded])
    #expect(world.ended.count == 1)
  }

  @Test func aFollowerOfACancelledRunIsCancelled() {
    let world = World()
    let run = WorkflowID(unchecked: "run")
    world.cache = { start, _ in .follows(start.key) }
    world.tell(.admitted(.of([cached("a")])))
    world.tell(.cancel(run))
    #expect(world.ended[run]?.state == .cancelled)
    world.tell(.preceded([AttemptKey(workflow: run, task: "a", number: 1)]))
    #expect(world.lookedUp.count == 1)
  }

  /// Its files may take an hour to read.
  @Test func aTaskThatIsBeingLookedUpEndsWithItsRunAtOnce() {
    let world = World()
    let run = WorkflowID(unchecked: "run")
    world.cache = { _, _ in nil }
    world.tell(.admitted(.of([cached("a"), cached("b", needs: [0])])))
    #expect(world.isBusy)
    world.tell(.cancel(run))
    #expect(world.ended[run]?.state == .cancelled)
    #expect(!world.isBusy)
    // The answer comes late.
    let key = AttemptKey(workflow: run, task: "a", number: 1)
    world.tell(.missed(key, [:]))
    #expect(world.launched.isEmpty && world.states == ["a": .cancelled, "b": .cancelled])
  }

  @Test func whatTheEndOfARunAsksForIsLookedUpThoughItIsCancelled() {
    let world = World()
    let run = WorkflowID(unchecked: "run")
    world.cache = { _, _ in nil }
    world.tell(.admitted(.of([cached("a") { $0.condition = .call(.always, []) }])))
    world.tell(.cancel(run))
    #expect(world.ended.isEmpty)
    world.tell(.missed(AttemptKey(workflow: run, task: "a", number: 1), [:]))
    #expect(world.runningTasks == ["a"])
  }

  @Test func aHeldRunIsNotLookedUpUntilItGoesOn() {
    let world = World()
    let run = WorkflowID(unchecked: "run")
    world.cache = { start, _ in .follows(start.key) }
    world.tell(.admitted(.of([cached("a"), cached("b", needs: [0])])))
    world.tell(.hold(run))
    world.cache = { start, _ in hit(world, start) }
    world.tell(.preceded([AttemptKey(workflow: run, task: "a", number: 1)]))
    #expect(world.lookedUp.count == 1)
    world.tell(.release(run))
    #expect(world.ended[run]?.state == .succeeded)
  }

  @Test func notMoreAreLookedUpAtATimeThanAreHeldInMemory() {
    var scheduler = Scheduler(
      policy: Scheduler.Policy(parallel: 2), agents: AgentPool([.shell()]), now: World().now, seed: 1)
    let tasks = (1...200).map { cached("t\($0)") }
    let asked = scheduler.handle([.admitted(.of(tasks))], at: World().now).compactMap { decision in
      if case .lookUp(let start, _) = decision { start.key } else { nil }
    }
    #expect(asked.count == 64)
    let isBusy = scheduler.isBusy
    #expect(isBusy)
    let more = scheduler.handle([.missed(asked[0], [:]), .follows(asked[1])], at: World().now)
    #expect(more.count { if case .lookUp = $0 { true } else { false } } == 2)
  }
}

extension LimitVerdict {
  fileprivate static func denied(_ limiter: String) -> LimitVerdict {
    LimitVerdict(
      limiter: limiter, key: limiter == "task_submission" ? "ann" : "", allowed: false, limit: 1, remaining: 0,
      resetAt: Timestamp(microseconds: 0), retryAfter: .seconds(300))
  }
}
