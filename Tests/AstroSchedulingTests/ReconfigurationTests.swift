import AstroCore
import AstroScheduling
import Testing

@Suite struct Reconfiguration {
  private func ofAgent(_ task: String, _ agent: String) -> TaskPlan {
    .named(task) { $0.agent = AgentRequest(name: agent) }
  }

  @Test func moreSlotsAreUsedAtOnce() {
    let world = World(parallel: 1)
    world.tell(.admitted(.of([.named("a"), .named("b"), .named("c")])))
    #expect(world.runningTasks == ["a"])
    world.scheduler.reconfigure(.init(parallel: 3), [.shell()])
    world.tell()
    #expect(world.runningTasks == ["a", "b", "c"])
  }

  @Test func anAgentThatIsGoneFinishesWhatItRunsAndGetsNothingMore() {
    let world = World(parallel: 4, ahead: 0, agents: [.shell("old", slots: 1), .shell("other")])
    world.tell(.admitted(.of([ofAgent("a", "old"), ofAgent("b", "old"), ofAgent("c", "other")])))
    #expect(world.runningTasks == ["a", "c"])
    world.scheduler.reconfigure(.init(parallel: 4), [.shell("other")])
    #expect(world.scheduler.agentPool.members.map(\.id) == ["other"])
    world.end("a")
    #expect(world.states["a"] == .succeeded)
    #expect(world.runningTasks == ["c"], "nobody may take b")
    #expect(world.running.values.map(\.agent) == ["other"])
  }

  @Test func aNewAgentTakesWhatWaitedForIt() {
    let world = World(agents: [.shell("old")])
    world.tell(.admitted(.of([ofAgent("a", "new")])))
    #expect(world.runningTasks == [])
    world.scheduler.reconfigure(.init(parallel: 2), [.shell("old"), .shell("new")])
    world.tell()
    #expect(world.runningTasks == ["a"])
    #expect(world.running.values.map(\.agent) == ["new"])
  }

  @Test func anAgentThatComesBackKeepsItsPast() {
    let world = World(agents: [.shell("a")], records: ["a": .init(successes: 3, failures: 5)])
    world.scheduler.reconfigure(.init(parallel: 2), [])
    world.scheduler.reconfigure(.init(parallel: 2), [.shell("a", slots: 7)])
    #expect(world.scheduler.agentRecord("a")?.failures == 5)
    #expect(world.scheduler.agentPool.members.map(\.maxConcurrent) == [7])
  }

  @Test func aUserWhoWasToldToWaitIsTriedAgainAfterTheLimitsChanged() {
    let world = World()
    var isUsedUp = true
    world.limiter = { start in
      isUsedUp
        ? LimitVerdict(
          limiter: "task_submission", key: start.user, allowed: false, limit: 1, remaining: 0,
          resetAt: world.now.wall + .seconds(3600), retryAfter: .seconds(3600)) : nil
    }
    world.tell(.admitted(.of([.named("a")])))
    isUsedUp = false
    world.tell()
    #expect(world.runningTasks == [], "told to come back in an hour")
    world.scheduler.unblock()
    world.tell()
    #expect(world.runningTasks == ["a"])
  }
}
