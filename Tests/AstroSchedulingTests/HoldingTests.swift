import AstroCore
import AstroScheduling
import Testing

private let run = WorkflowID(unchecked: "run")

@Suite struct Holding {
  @Test func whatRunsGoesOnAndNothingFollows() {
    let world = World()
    world.tell(.admitted(.of([.named("a"), .named("b", needs: [0])])))
    world.tell(.hold(run))
    #expect(world.runningTasks == ["a"])
    world.end("a")
    #expect(world.runningTasks.isEmpty)
    #expect(world.states == ["a": .succeeded])
    #expect(!world.isBusy)
    world.tell(.release(run))
    #expect(world.runningTasks == ["b"])
  }

  @Test func startsCommittedAheadAreTakenBackAndKeepTheirNumber() {
    let world = World(parallel: 1)
    world.tell(.admitted(.of([.named("a"), .named("b")])))
    world.tell(.hold(run))
    #expect(world.forgotten.map(\.key.task) == ["b"])
    world.end("a")
    world.tell(.release(run))
    #expect(world.launched.map { "\($0.task)/\($0.number)" } == ["a/1", "b/1"])
  }

  @Test func itsSlotOfTheAgentServesOthers() {
    let world = World(parallel: 1, agents: [.shell(slots: 1)])
    world.tell(.admitted(.of([.named("a"), .named("b")])))
    world.tell(.admitted(.of([.named("c")], id: "other")))
    world.tell(.hold(run))
    world.end("a")
    #expect(world.runningTasks == ["c"])
  }

  @Test func aPauseThatEndsMeanwhileStartsNothing() {
    let world = World()
    world.tell(.admitted(.of([.named("a") { $0.retry = RetryPolicy(attempts: 2, delay: .seconds(4), jitter: false) }])))
    world.end("a", .exited(1))
    world.tell(.hold(run))
    #expect(world.scheduler.nextRetry == nil)
    world.advance(.seconds(10))
    #expect(world.runningTasks.isEmpty)
    world.tell(.release(run))
    #expect(world.launched.map(\.number) == [1, 2])
  }

  @Test func aRunIsAdmittedHeldAndItsUnstartedAttemptForgotten() {
    let world = World()
    var seed = RunSeed.of([.named("a")])
    seed.isHeld = true
    seed.restored = ["a": RestoredTask(state: .waiting, attempts: 1, counted: 1, flight: .committed)]
    world.committed.insert(AttemptKey(workflow: run, task: "a", number: 1))
    world.tell(.admitted(seed))
    #expect(world.launched.isEmpty)
    #expect(world.forgotten.count == 1)
    world.tell(.release(run))
    #expect(world.launched.map(\.number) == [1])
  }

  @Test func aCancelEndsAHoldSoThatCleanUpTasksRun() {
    let world = World()
    world.tell(.admitted(.of([.named("a"), .named("b", needs: [0]) { $0.condition = .call(.always, []) }])))
    world.tell(.hold(run))
    world.tell(.cancel(run))
    world.end("a", .signalled(15))
    #expect(world.runningTasks == ["b"])
    world.end("b")
    #expect(world.ended[run]?.state == .cancelled)
  }

  @Test func aDeadlineEndsAHeldRun() {
    let world = World()
    world.tell(.admitted(.of([.named("a"), .named("b", needs: [0])]) { $0.deadline = .seconds(60) }))
    world.tell(.hold(run))
    world.end("a")
    world.advance(.seconds(60))
    #expect(world.ended[run]?.state == .failed)
  }

  @Test func aRunWithNothingLeftToStartEndsThoughItIsHeld() {
    let world = World()
    world.tell(.admitted(.of([.named("a"), .named("b", needs: [0])])))
    world.tell(.hold(run))
    world.end("a", .exited(1))
    #expect(world.states["b"] == .upstreamFailed)
    #expect(world.ended[run]?.state == .failed)
  }
}

@Suite struct LivingAgain {
  /// The same run, admitted again after its end, as a retry does.
  private func again(_ task: RestoredTask, since: Timestamp, _ change: (inout WorkflowPlan) -> Void) -> RunSeed {
    var seed = RunSeed.of(
      [.named("a") { $0.retry = RetryPolicy(attempts: 2, delay: .seconds(50), jitter: false) }], change)
    seed.since = since
    seed.restored = ["a": task]
    return seed
  }

  @Test func aDeadlineOfTheFormerLifeMeansNothing() {
    let world = World()
    world.tell(.admitted(.of([.named("a")]) { $0.deadline = .seconds(60) }))
    world.advance(.seconds(50))
    world.end("a", .exited(1))
    world.tell(
      .admitted(again(.init(state: .pending, attempts: 1), since: world.now.wall) { $0.deadline = .seconds(60) }))
    #expect(world.launched.map(\.number) == [1, 2])
    world.advance(.seconds(59))
    #expect(world.signals.isEmpty)
    world.advance(.seconds(1))
    #expect(world.signals.count == 1)
  }

  @Test func aPauseOfTheFormerLifeDoesNotCutALaterOneShort() {
    let world = World()
    world.tell(
      .admitted(.of([.named("a") { $0.retry = RetryPolicy(attempts: 2, delay: .seconds(20), jitter: false) }])))
    world.end("a", .exited(1))
    world.tell(.cancel(run))
    #expect(world.ended[run]?.state == .cancelled)
    world.tell(.admitted(again(.init(state: .pending, attempts: 1), since: world.now.wall) { _ in }))
    world.end("a", .exited(1))
    world.advance(.seconds(20))
    #expect(world.runningTasks.isEmpty)
    world.advance(.seconds(30))
    #expect(world.launched.map(\.number) == [1, 2, 3])
  }

  @Test func attemptsForgivenByARetryDoNotCountAgainstThePolicy() {
    let world = World()
    world.tell(.admitted(again(.init(state: .pending, attempts: 7, counted: 0), since: world.now.wall) { _ in }))
    world.end("a", .exited(1))
    #expect(world.states["a"] == .waiting)
    world.advance(.seconds(50))
    world.end("a", .exited(1))
    #expect(world.launched.map(\.number) == [8, 9])
    #expect(world.ended[run]?.state == .failed)
  }

  @Test func itStartsAnew() {
    let world = World()
    var seed = RunSeed.of([.named("a")])
    seed.restored = ["a": .init(state: .pending, attempts: 3)]
    world.tell(.admitted(seed))
    #expect(world.started == [run])
  }

  @Test func aTaskThatSucceededIsKeptThoughItsNeedRunsAgain() {
    let world = World()
    var seed = RunSeed.of([.named("a"), .named("b", needs: [0]), .named("c", needs: [1])])
    seed.restored = ["a": .init(state: .pending, attempts: 1), "b": .init(state: .succeeded, attempts: 1)]
    world.tell(.admitted(seed))
    #expect(world.runningTasks == ["a", "c"])
    world.end("a")
    world.end("c")
    #expect(world.ended[run]?.state == .succeeded)
    #expect(world.launched.count == 2)
  }
}

@Suite struct IllAgents {
  @Test func theNextProbeIsKnownUntilOneSucceeds() {
    let world = World(parallel: 1)
    world.tell(.admitted(.of([.named("a")])))
    for _ in 0..<3 {
      world.end("a", .notStarted(reason: "no processes left", infrastructure: true))
      world.advance(.seconds(1))
    }
    let failedAt = world.now.wall + .seconds(-1)
    #expect(world.scheduler.agentRecord("shell")?.probeAt == failedAt + .seconds(5))
    world.advance(.seconds(4))
    world.tell(.probed(agent: "shell", error: nil))
    #expect(world.scheduler.agentRecord("shell")?.probeAt == nil)
    #expect(world.changedAgents == ["shell"])
  }
}
