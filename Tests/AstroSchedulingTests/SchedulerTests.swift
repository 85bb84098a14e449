import AstroCore
import AstroScheduling
import Testing

private let run = WorkflowID(unchecked: "run")

@Suite struct Readiness {
  @Test func aTaskStartsWhenAllItsNeedsHaveSucceeded() {
    let world = World()
    world.tell(.admitted(.of([.named("a"), .named("b"), .named("c", needs: [0, 1])])))
    #expect(world.runningTasks == ["a", "b"])
    world.end("a")
    #expect(world.runningTasks == ["b"])
    world.end("b")
    #expect(world.runningTasks == ["c"])
    world.end("c")
    #expect(world.ended[run]?.state == .succeeded)
  }

  @Test func aFailureSparesIndependentBranches() {
    let world = World()
    world.tell(.admitted(.of([.named("a"), .named("b", needs: [0]), .named("c", needs: [1]), .named("d")])))
    world.end("a", .exited(3))
    #expect(world.states["b"] == .upstreamFailed)
    #expect(world.states["c"] == .upstreamFailed)
    #expect(world.reasons["b"] == "need 'a' failed")
    #expect(world.runningTasks == ["d"])
    world.end("d")
    #expect(world.ended[run]?.state == .failed)
    #expect(world.ended[run]?.reason == "task 'a' failed")
  }

  @Test func continueOnErrorMakesTheRunPartialAndLetsDependentsGoOn() {
    let world = World()
    world.tell(.admitted(.of([.named("a") { $0.continueOnError = true }, .named("b", needs: [0])])))
    world.end("a", .exited(1))
    #expect(world.runningTasks == ["b"])
    world.end("b")
    #expect(world.ended[run]?.state == .partial)
  }

  @Test func aChainOfAHundredThousandFailsWithoutRecursion() {
    let world = World()
    let tasks = (0..<100_000).map { TaskPlan.named("t\($0)", needs: $0 == 0 ? [] : [$0 - 1]) }
    world.tell(.admitted(.of(tasks)))
    world.end("t0", .exited(1))
    #expect(world.updates.count == 100_000)
    #expect(world.ended[run]?.state == .failed)
  }

  @Test func anEmptyPlanEndsAtOnce() {
    let world = World()
    world.tell(.admitted(.of([])))
    #expect(world.ended[run]?.state == .succeeded)
  }
}

@Suite struct Conditions {
  private func outcome(of condition: Expression, whenNeedEnds outcome: AttemptOutcome) -> TaskState? {
    let world = World()
    world.tell(.admitted(.of([.named("a"), .named("b", needs: [0]) { $0.condition = condition }])))
    world.end("a", outcome)
    world.end("b")
    return world.states["b"]
  }

  @Test func statusFunctionsReplaceTheImpliedSuccess() {
    #expect(outcome(of: .call(.success, []), whenNeedEnds: .exited(0)) == .succeeded)
    #expect(outcome(of: .call(.success, []), whenNeedEnds: .exited(1)) == .skipped)
    #expect(outcome(of: .call(.failure, []), whenNeedEnds: .exited(0)) == .skipped)
    #expect(outcome(of: .call(.failure, []), whenNeedEnds: .timedOut(nil)) == .succeeded)
    #expect(outcome(of: .call(.always, []), whenNeedEnds: .exited(1)) == .succeeded)
    #expect(outcome(of: .literal(.bool(true)), whenNeedEnds: .exited(1)) == .upstreamFailed)
    #expect(outcome(of: .literal(.bool(false)), whenNeedEnds: .exited(0)) == .skipped)
  }

  @Test func conditionsReadOutputsOfNeeds() {
    let rows = Expression.member(.member(.member(.root(.tasks), "a"), "outputs"), "rows")
    let world = World()
    world.tell(
      .admitted(
        .of([.named("a"), .named("b", needs: [0]) { $0.condition = .binary(.equal, rows, .literal(.string("3"))) }])))
    world.end("a", .exited(0), outputs: ["rows": "3"])
    #expect(world.runningTasks == ["b"])
  }

  @Test func aSkippedNeedSkipsItsDependents() {
    let world = World()
    world.tell(
      .admitted(.of([.named("a") { $0.condition = .literal(.bool(false)) }, .named("b", needs: [0])])))
    #expect(world.states == ["a": .skipped, "b": .skipped])
    #expect(world.ended[run]?.state == .succeeded)
  }

  @Test func aConditionThatCannotBeEvaluatedFailsItsTask() {
    let world = World()
    let wrong = Expression.binary(.less, .literal(.string("a")), .literal(.integer(1)))
    world.tell(.admitted(.of([.named("a") { $0.condition = wrong }])))
    #expect(world.reasons["a"] == "cannot evaluate if: '<' cannot compare a string with an integer")
    #expect(world.ended[run]?.state == .failed)
  }
}

@Suite struct Retries {
  @Test func attemptsCountTheFirstAndPausesDouble() {
    let world = World()
    world.tell(.admitted(.of([.named("a") { $0.retry = RetryPolicy(attempts: 3, delay: .seconds(4), jitter: false) }])))
    world.end("a", .exited(1))
    #expect(world.states["a"] == .waiting)
    world.advance(.milliseconds(3999))
    #expect(world.runningTasks.isEmpty)
    world.advance(.milliseconds(1))
    #expect(world.runningTasks == ["a"])
    world.end("a", .signalled(9))
    world.advance(.milliseconds(7999))
    #expect(world.runningTasks.isEmpty)
    world.advance(.milliseconds(1))
    world.end("a", .exited(1))
    #expect(world.launched.map(\.number) == [1, 2, 3])
    #expect(world.ended[run]?.state == .failed)
  }

  @Test func onlyTheNamedExitCodesAreTriedAgain() {
    var policy = RetryPolicy(attempts: 2)
    policy.onExit = [75]
    #expect(policy.retries(.exited(75), after: 1))
    #expect(!policy.retries(.exited(1), after: 1))
    #expect(!policy.retries(.timedOut(nil), after: 1))
    #expect(!policy.retries(.exited(75), after: 2))
  }

  @Test func aLostAttemptIsRepeatedOnlyWhereTheWorkflowSaysSo() {
    var policy = RetryPolicy(attempts: 2)
    #expect(!policy.retries(.lost("gone"), after: 1))
    policy.onError = [.lost]
    #expect(policy.retries(.lost("gone"), after: 1))
    #expect(!policy.retries(.exited(1), after: 1))
  }

  @Test func jitterStaysBetweenHalfAndAllOfTheBackoff() {
    let policy = RetryPolicy(attempts: 9, delay: .seconds(10))
    #expect(policy.backoff(after: 1, draw: 0) == .seconds(5))
    #expect(policy.backoff(after: 1, draw: 0.999_999) <= .seconds(10))
    #expect(policy.backoff(after: 30, draw: 0.999_999) <= .seconds(300))
  }

  @Test func aFaultOfTheMachineCostsNoAttempt() {
    let world = World()
    world.tell(.admitted(.of([.named("a")])))
    world.end("a", .notStarted(reason: "no processes left", infrastructure: true))
    #expect(world.states["a"] == .waiting)
    world.advance(.seconds(1))
    #expect(world.launched.map(\.number) == [1, 2])
    world.end("a")
    #expect(world.ended[run]?.state == .succeeded)
  }

  @Test func anAgentWhoseMachineFailsThriceRestsUntilAProbeSucceeds() {
    let world = World(parallel: 1)
    world.tell(.admitted(.of([.named("a")])))
    for _ in 0..<3 {
      world.end("a", .notStarted(reason: "no processes left", infrastructure: true))
      world.advance(.seconds(1))
    }
    #expect(world.runningTasks.isEmpty)
    world.advance(.seconds(4))
    #expect(world.probes == ["shell"])
    world.tell(.probed(agent: "shell", error: "still none"))
    world.advance(.seconds(10))
    #expect(world.probes == ["shell", "shell"])
    world.tell(.probed(agent: "shell", error: nil))
    #expect(world.runningTasks == ["a"])
  }
}

@Suite struct Ends {
  @Test func aTimeoutSendsTermAndAfterTheGraceKill() {
    let world = World()
    world.tell(
      .admitted(
        .of([
          .named("a") {
            $0.timeout = .seconds(30)
            $0.grace = .seconds(5)
          }
        ])))
    world.advance(.seconds(30))
    #expect(world.signals.map(\.1) == [.terminate])
    world.advance(.seconds(5))
    #expect(world.signals.map(\.1) == [.terminate, .kill])
    world.end("a", .signalled(9))
    #expect(world.closed.map(\.outcome) == [.timedOut(.signalled(9))])
    #expect(world.states["a"] == .timedOut)
    #expect(world.ended[run]?.reason == "task 'a' timed_out")
  }

  @Test func aTimerOfAnEarlierAttemptDoesNotTouchALaterOne() {
    let world = World()
    world.tell(
      .admitted(
        .of([
          .named("a") {
            $0.timeout = .seconds(10)
            $0.retry = RetryPolicy(attempts: 2, delay: .seconds(8), jitter: false)
          }
        ])))
    world.advance(.seconds(1))
    world.end("a", .exited(1))
    world.advance(.seconds(8))
    world.advance(.seconds(2))
    #expect(world.signals.isEmpty)
    world.advance(.seconds(8))
    #expect(world.signals.count == 1)
  }

  @Test func aDeadlineEndsTheRunAsFailed() {
    let world = World()
    world.tell(.admitted(.of([.named("a"), .named("b", needs: [0])]) { $0.deadline = .seconds(60) }))
    world.advance(.seconds(60))
    #expect(world.signals.map(\.1) == [.terminate])
    world.end("a", .signalled(15))
    #expect(world.states == ["a": .cancelled, "b": .cancelled])
    #expect(world.ended[run]?.state == .failed)
    #expect(world.ended[run]?.reason == "deadline of 1m passed")
  }

  @Test func cancelEndsWhatRunsAndLetsCleanUpTasksHaveTheirTurn() {
    let world = World()
    world.tell(
      .admitted(
        .of([
          .named("a"), .named("b", needs: [0]), .named("c", needs: [0]) { $0.condition = .call(.always, []) },
        ])))
    world.tell(.cancel(run))
    world.end("a", .signalled(15))
    #expect(world.runningTasks == ["c"])
    world.end("c")
    #expect(world.states == ["a": .cancelled, "b": .cancelled, "c": .succeeded])
    #expect(world.ended[run]?.state == .cancelled)
  }

  @Test func startsCommittedAheadAreTakenBackByACancel() {
    let world = World(parallel: 1)
    world.tell(.admitted(.of([.named("a"), .named("b"), .named("c")])))
    #expect(world.committed.count == 2)
    world.tell(.cancel(run))
    #expect(world.committed.isEmpty)
    #expect(world.closed.isEmpty && world.committed.isEmpty)
    #expect(world.forgotten.count == 2 && world.begunAndForgotten.isEmpty)
    world.end("a", .signalled(15))
    #expect(world.ended[run]?.state == .cancelled)
    #expect(world.launched.count == 1)
  }

  @Test func afterStoppingNothingNewStarts() {
    let world = World(parallel: 1)
    world.tell(.admitted(.of([.named("a"), .named("b")])))
    world.tell(.stopping)
    world.end("a")
    #expect(world.runningTasks.isEmpty)
    #expect(!world.isBusy)
  }
}

@Suite struct Choice {
  @Test func higherPriorityGoesFirst() {
    let world = World(parallel: 1, ahead: 0)
    world.tell(.admitted(.of([.named("x")], id: "first")))
    world.tell(.admitted(.of([.named("low")], id: "low")), .admitted(.of([.named("high")], id: "high", priority: 5)))
    world.end("x")
    #expect(world.runningTasks == ["high"])
  }

  @Test func aNewcomerWaitsForAtMostOneTaskOfEachActiveUser() {
    let world = World(parallel: 1, ahead: 0)
    world.tell(.admitted(.of((0..<50).map { .named("a\($0)") }, id: "many", user: "ann")))
    for index in 0..<10 { world.end("a\(index)") }
    world.tell(.admitted(.of([.named("b0"), .named("b1")], id: "few", user: "bob")))
    world.end("a10")
    #expect(world.runningTasks == ["b0"])
    world.end("b0")
    world.end("a11")
    #expect(world.runningTasks == ["b1"] || world.launched.last?.task == "b1")
  }

  @Test func aThrottledUserIsParkedAndOthersGoOn() {
    let world = World(parallel: 2)
    world.limiter = { start in
      guard start.user == "ann" else { return nil }
      return LimitVerdict(
        limiter: "task_submission", key: "ann", allowed: false, limit: 1, remaining: 0,
        resetAt: Timestamp(microseconds: 0), retryAfter: .seconds(20))
    }
    world.tell(
      .admitted(.of([.named("a")], id: "one", user: "ann")), .admitted(.of([.named("b")], id: "two", user: "bob")))
    #expect(world.runningTasks == ["b"])
    world.end("b")
    #expect(!world.isBusy)
    world.limiter = { _ in nil }
    world.advance(.seconds(19))
    #expect(world.runningTasks.isEmpty)
    world.advance(.seconds(1))
    #expect(world.runningTasks == ["a"])
    #expect(world.launched.last?.number == 1)
  }

  @Test func agentsAreChosenByIdTypeAndCapabilities() {
    let world = World(
      parallel: 8,
      agents: [.shell("one", slots: 1), .shell("two", slots: 1, capabilities: ["shell", "gpu"])])
    world.tell(
      .admitted(
        .of([
          .named("a") { $0.agent = AgentRequest(capabilities: ["gpu"]) },
          .named("b") { $0.agent = AgentRequest(name: "two") },
          .named("c") { $0.agent = AgentRequest(name: "command") },
        ])))
    #expect(world.running.values.map { "\($0.key.task)@\($0.agent)" }.sorted() == ["a@two", "c@one"])
    world.end("a")
    #expect(world.running.values.map { "\($0.key.task)@\($0.agent)" }.sorted() == ["b@two", "c@one"])
  }

  @Test func theMoreReliableAgentIsPreferredAtEqualLoad() {
    let world = World(
      agents: [.shell("shaky"), .shell("solid")],
      records: ["shaky": .init(successes: 1, failures: 9), "solid": .init(successes: 10)])
    world.tell(.admitted(.of([.named("a")])))
    #expect(world.running.values.map(\.agent) == ["solid"])
  }

  @Test func reliabilityIsADecayedShare() {
    #expect(AgentPool.Record().reliability == 1)
    #expect(AgentPool.Record(successes: 2, failures: 4).reliability == 0.5)
  }
}

@Suite struct Restoring {
  @Test func finishedTasksAreNotRunAgain() {
    let world = World()
    var seed = RunSeed.of([.named("a"), .named("b", needs: [0]), .named("c", needs: [1])])
    seed.restored = ["a": RestoredTask(state: .succeeded, attempts: 1, counted: 1)]
    world.tell(.admitted(seed))
    #expect(world.launched.map(\.task) == ["b"])
  }

  @Test func aRunningAttemptIsWaitedForAndItsTimeoutGoesOn() {
    let world = World()
    var seed = RunSeed.of([.named("a") { $0.timeout = .seconds(100) }, .named("b", needs: [0])])
    let since = world.now.boot - 90_000_000
    seed.restored = [
      "a": RestoredTask(
        state: .running, attempts: 1, counted: 1, flight: .running(agent: "shell", since: since, ending: nil))
    ]
    world.tell(.admitted(seed))
    #expect(world.launched.isEmpty)
    world.advance(.seconds(10))
    #expect(world.signals.count == 1)
    let key = AttemptKey(workflow: run, task: "a", number: 1)
    world.tell(.ended(world.ending(key, .exited(0))))
    #expect(world.states["a"] == .timedOut)
  }

  @Test func anAttemptAskedToEndIsToldAgainAndItsEndMeansTheSame() {
    let world = World()
    world.tell(.admitted(.underway(since: world.now.boot, ending: .timeout) { $0.grace = .seconds(5) }))
    #expect(world.signals.map(\.1) == [.terminate])
    world.advance(.seconds(5))
    #expect(world.signals.map(\.1) == [.terminate, .kill])
    world.tell(.ended(world.ending(AttemptKey(workflow: run, task: "a", number: 1), .exited(0))))
    #expect(world.states["a"] == .timedOut)
  }

  @Test func aCommittedStartThatNeverRanKeepsItsNumber() {
    let world = World()
    var seed = RunSeed.of([.named("a")])
    seed.restored = ["a": RestoredTask(state: .waiting, attempts: 1, counted: 1, flight: .committed)]
    world.tell(.admitted(seed))
    #expect(world.forgotten.map(\.key.number) == [1])
    #expect(world.launched == [AttemptKey(workflow: run, task: "a", number: 1)])
  }

  @Test func aRetryThatWasBegunAheadAndNeverRanDoesNotWaitForItsFormerPause() {
    let world = World()
    var seed = RunSeed.of([.named("a") { $0.retry = RetryPolicy(attempts: 3) }])
    seed.restored = [
      "a": RestoredTask(
        state: .waiting, attempts: 2, counted: 2, notBefore: Timestamp(microseconds: world.now.wall.microseconds - 1),
        flight: .committed)
    ]
    world.tell(.admitted(seed))
    #expect(world.launched == [AttemptKey(workflow: run, task: "a", number: 2)])
  }

  @Test func anAdoptedAttemptThatNeverBeganIsBegunAnewAndCountsForNothing() {
    let world = World()
    world.tell(.admitted(.underway(since: world.now.boot)))
    #expect(world.launched.isEmpty)
    let key = AttemptKey(workflow: run, task: "a", number: 1)
    world.tell(.neverBegan(key))
    #expect(world.launched == [key])
    #expect(world.closed.isEmpty)
    #expect(world.scheduler.agentRecord("shell")?.infrastructureFailures == 0)
  }

  @Test func theTimeOfAnAttemptThatNeverBeganDoesNotEndTheNext() {
    let world = World()
    world.tell(.admitted(.underway(since: nil) { $0.timeout = .seconds(6) }))
    world.advance(.seconds(5))
    world.tell(.neverBegan(AttemptKey(workflow: run, task: "a", number: 1)))
    #expect(world.runningTasks == ["a"])
    world.advance(.seconds(5))
    #expect(world.signals.isEmpty)
    world.advance(.seconds(1))
    #expect(world.signals.count == 1)
  }

  @Test func anAttemptThatBeginsAfterItsRunWasTakenOverIsTimedFromThen() {
    let world = World()
    world.tell(.admitted(.underway(since: nil) { $0.timeout = .seconds(6) }))
    world.advance(.seconds(60))
    world.tell(.seenRunning(AttemptKey(workflow: run, task: "a", number: 1), since: world.now.boot - 1_000_000))
    world.advance(.seconds(4))
    #expect(world.signals.isEmpty)
    world.advance(.seconds(1))
    #expect(world.signals.map(\.1) == [.terminate])
  }

  @Test func anAttemptKeepsTheNameOfAnAgentThatIsGone() {
    let world = World()
    world.tell(.admitted(.underway(on: "gone", since: nil)))
    world.tell(.ended(world.ending(AttemptKey(workflow: run, task: "a", number: 1), .exited(0))))
    #expect(world.closedBy == ["gone"])
  }

  @Test func aTaskThatNoAgentCouldTakeIsToldOf() {
    let world = World(agents: [.shell("old"), .shell("new")])
    world.tell(.admitted(.of([.named("a") { $0.agent = AgentRequest(name: "old") }])))
    world.end("a", .exited(1))
    world.scheduler.reconfigure(Scheduler.Policy(parallel: 1), [.shell("new")])
    world.tell(.admitted(.of([.named("b") { $0.agent = AgentRequest(name: "old") }], id: "other")))
    let unserved = world.scheduler.unserved
    #expect(unserved == [AgentRequest(name: "old")])
    #expect(world.runningTasks.isEmpty)
  }

  @Test func aDeadlineHoldsWhileARunIsBeingCancelled() {
    let world = World()
    world.tell(
      .admitted(
        .of([.named("a"), .named("b", needs: [0]) { $0.condition = .call(.always, []) }]) {
          $0.deadline = .seconds(60)
        }))
    world.tell(.cancel(run))
    world.end("a", .signalled(15))
    #expect(world.runningTasks == ["b"])
    world.advance(.seconds(60))
    #expect(world.signals.last?.0.task == "b")
    world.end("b", .signalled(15))
    #expect(world.ended[run]?.state == .cancelled)
  }

  @Test func aRunWhoseFirstTaskIsThrottledHasNotStarted() {
    let world = World()
    world.limiter = {
      LimitVerdict(
        limiter: "task_submission", key: $0.user, allowed: false, limit: 1, remaining: 0,
        resetAt: Timestamp(microseconds: 0), retryAfter: .seconds(2))
    }
    world.tell(.admitted(.of([.named("a")])))
    #expect(world.started.isEmpty)
    world.limiter = { _ in nil }
    world.advance(.seconds(2))
    #expect(world.started == [run])
  }

  @Test func aRunWhoseFileCannotBeReadEndsWhenWhatRunsOfItDoes() {
    let world = World()
    var seed = RunSeed.of([.named("a"), .named("b") { $0.condition = .call(.always, []) }])
    seed.stopping = .unreadable
    seed.restored = [
      "a": RestoredTask(
        state: .running, attempts: 1, counted: 1,
        flight: .running(agent: "shell", since: world.now.boot, ending: nil))
    ]
    world.tell(.admitted(seed))
    #expect(world.launched.isEmpty)
    #expect(world.signals.map(\.1) == [.terminate])
    world.tell(.ended(world.ending(AttemptKey(workflow: run, task: "a", number: 1), .signalled(15))))
    #expect(world.ended[run]?.state == .failed)
    #expect(
      world.ended[run]?.reason == "this version of astro cannot read its file, which an earlier one accepted")
  }

  @Test func whatHasNotBegunIsTakenBackFromAnAgentThatIsGone() {
    let world = World(parallel: 1, agents: [.shell("old"), .shell("new", slots: 0)])
    world.tell(.admitted(.of((0..<6).map { .named("t\($0)") })))
    #expect(!world.queued.isEmpty && !world.committed.isEmpty)
    world.scheduler.reconfigure(Scheduler.Policy(parallel: 1), [.shell("new")])
    world.tell()
    for _ in 0..<6 { world.running.keys.first.map { world.end($0, .exited(0)) } }
    #expect(world.closed.count == 6)
    #expect(world.agentsOfLaunches == ["old", "new", "new", "new", "new", "new"])
  }

  @Test func aLowerBoundHoldsForWhatTheLauncherHoldsReady() {
    let world = World(parallel: 3)
    world.tell(.admitted(.of((0..<9).map { .named("t\($0)") })))
    #expect(world.running.count == 3 && !world.queued.isEmpty)
    world.scheduler.reconfigure(Scheduler.Policy(parallel: 1), [.shell()])
    world.tell()
    for expected in [2, 1, 1] {
      world.running.keys.first.map { world.end($0, .exited(0)) }
      #expect(world.running.count == expected)
    }
  }

  @Test func aStopLeavesNoStartWithoutAProcess() {
    let world = World(parallel: 1)
    world.tell(.admitted(.of((0..<6).map { .named("t\($0)") })))
    world.tell(.stopping)
    #expect(world.committed.isEmpty && world.queued.isEmpty)
    let left = world.scheduler.runningAttempts
    #expect(left == 1)
  }

  @Test func whereNothingEndsForAWhileFewStartsAreCommittedAhead() {
    let world = World(parallel: 1)
    world.tell(.admitted(.of((0..<4).map { .named("t\($0)") })))
    world.end("t0")
    let before = world.committed.count + world.queued.count
    world.advance(.seconds(60))
    world.tell(.admitted(.of((0..<4).map { .named("u\($0)") }, id: "other")))
    #expect(world.committed.count + world.queued.count == before)
    let isWellSupplied = world.scheduler.isWellSupplied
    #expect(!isWellSupplied)
  }

  @Test func anEndToldTwiceIsTakenOnce() {
    let world = World()
    world.tell(.admitted(.of([.named("a"), .named("b")])))
    let key = AttemptKey(workflow: run, task: "a", number: 1)
    world.tell(.ended(world.ending(key, .exited(0))), .ended(world.ending(key, .exited(1))))
    #expect(world.closed.count == 1)
    #expect(world.states["a"] == .succeeded)
  }

  @Test func expressionsAreResolvedAtTheStart() {
    let world = World()
    let seed = RunSeed.of(
      [
        .named("a") {
          $0.work = .command([
            Template("/bin/echo"), Template(parts: [.text("n="), .expression(.member(.root(.params), "n"))]),
          ])
          $0.env = [EnvironmentPlan(name: "WHO", value: Template(parts: [.expression(.member(.root(.run), "user"))]))]
        }
      ], params: ["n": .integer(3)])
    world.tell(.admitted(seed))
    let start = world.running.values.first
    #expect(start?.work == .process(["/bin/echo", "n=3"]))
    #expect(start?.environment.map { "\($0.name)=\($0.value)" } == ["WHO=ann"])
  }
}
