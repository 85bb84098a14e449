import AstroCore
import AstroJournal
import AstroScheduling
import Testing

@testable import AstroRunner

private let id = WorkflowID(unchecked: "nightly-20261124T020000Z-abcdef")
private let now = Timestamp(rfc3339: "2026-11-24T02:00:00Z")!
private func later(_ seconds: Int) -> Timestamp { now + .seconds(seconds) }

/// A chain a <- b of one user, the first ready to start, its runner at work.
private func situation(_ change: (inout RunSituation) -> Void = { _ in }) -> RunSituation {
  var plan = WorkflowPlan()
  for (index, name) in ["a", "b"].enumerated() {
    var task = TaskPlan(id: name, work: .command([Template("/bin/true")]))
    task.needs = index == 0 ? [] : [index - 1]
    task.retry.attempts = 3
    plan.tasks.append(task)
  }
  let run = RunRecord(
    id: id, name: "nightly", user: "ann", state: .running, file: Array("n.yaml".utf8), fileExtension: "yaml",
    sha256: "", submittedAt: now, claimedAt: now, owner: "watch-1")
  var situation = RunSituation(
    run: run, plan: plan,
    agents: [.init(id: "shell", kind: "command", capabilities: ["shell"], maxConcurrent: 2)], parallel: 4, now: now)
  change(&situation)
  return situation
}

private func explain(_ change: (inout RunSituation) -> Void = { _ in }) -> Explanation {
  Explanation(situation(change))
}

private func task(_ name: String, _ state: TaskState, _ change: (inout TaskRecord) -> Void = { _ in }) -> TaskRecord {
  var record = TaskRecord(run: id, task: name, state: state)
  change(&record)
  return record
}

private func attempt(_ name: String, _ number: Int = 1, ended: AttemptOutcome? = nil) -> AttemptRecord {
  AttemptRecord(
    key: AttemptKey(workflow: id, task: name, number: number), agent: "shell", launcher: "watch-1",
    started: Moment(wall: later(-30), boot: 0), bootID: "",
    ending: ended.map { .init(outcome: $0, finishedAt: now, duration: .zero, usage: .init()) })
}

private func texts(_ causes: [Explanation.Cause]) -> [String] { causes.map { $0.sentence(at: now) } }

@Suite struct Explanations {
  @Test func aTaskWithNothingInItsWayCanStartNow() {
    let explanation = explain()
    #expect(explanation.tasks[0].causes == [.next])
    #expect(explanation.tasks[0].earliest == .at(now))
    #expect(explanation.causes.isEmpty)
  }

  @Test func aNeedIsNamedWithItsStateAndMakesTheStartUnknown() {
    let explanation = explain { $0.tasks["a"] = task("a", .running) { $0.attempts = 1 } }
    #expect(texts(explanation.tasks[1].causes) == ["needs 'a', which is running"])
    #expect(explanation.tasks[1].earliest == .unknown)
  }

  @Test func aRunningTaskSaysWhereAndSinceWhen() {
    let explanation = explain {
      $0.tasks["a"] = task("a", .running) { $0.attempts = 1 }
      $0.attempts["a"] = attempt("a")
    }
    #expect(
      texts(explanation.tasks[0].causes) == ["attempt 1 runs on shell since 2026-11-24T01:59:30.000Z, for 30s"])
    #expect(explanation.tasks[0].earliest == .runs)
  }

  @Test func aBackoffSaysWhichRetryAndUntilWhen() {
    let explanation = explain {
      $0.tasks["a"] = task("a", .waiting) {
        $0.attempts = 1
        $0.notBefore = later(12)
        $0.reason = "retry after: exited with code 22"
      }
      $0.attempts["a"] = attempt("a", ended: .exited(22))
    }
    #expect(
      texts(explanation.tasks[0].causes) == [
        "retry 2 of 3 at 2026-11-24T02:00:12.000Z, in 12s (retry after: exited with code 22)"
      ])
    #expect(explanation.tasks[0].earliest == .at(later(12)))
  }

  @Test func aRetriedRunCountsItsRetriesFromItsBase() {
    let explanation = explain {
      $0.tasks["a"] = task("a", .waiting) {
        $0.attempts = 4
        $0.base = 3
        $0.notBefore = later(5)
      }
    }
    #expect(texts(explanation.tasks[0].causes) == ["retry 2 of 3 at 2026-11-24T02:00:05.000Z, in 5s"])
  }

  @Test func aPauseThatIsOverIsNoReasonAnyMore() {
    let explanation = explain { $0.tasks["a"] = task("a", .waiting) { $0.notBefore = later(-1) } }
    #expect(explanation.tasks[0].causes == [.next])
  }

  private let spent = LimitVerdict(
    limiter: "task_submission", key: "ann", allowed: false, limit: 100, remaining: 0, resetAt: later(60),
    retryAfter: .seconds(7))

  @Test func aLimitSaysWhatIsUsedAndWhenItOpens() {
    let explanation = explain { $0.limit = spent }
    #expect(
      texts(explanation.tasks[0].causes) == [
        "limit task_submission of ann: 100 of 100 used, opens for it at 2026-11-24T02:00:07.000Z, in 7s"
      ])
    #expect(explanation.tasks[0].earliest == .at(later(7)))
  }

  @Test func aRecordedStartHasItsGrantAndTheLaterOfTwoTimesCounts() {
    let granted = explain {
      $0.limit = spent
      $0.attempts["a"] = attempt("a")
    }
    #expect(granted.tasks[0].causes == [.next])
    let both = explain {
      $0.limit = spent
      $0.tasks["a"] = task("a", .waiting) { $0.notBefore = later(20) }
    }
    #expect(both.tasks[0].causes.map(\.code) == ["backoff", "limit"])
    #expect(both.tasks[0].earliest == .at(later(20)))
  }

  @Test func fullAgentsAreNamedWithTheirSlots() {
    let explanation = explain {
      $0.slots = [.init(agent: "shell", owner: "watch-1"), .init(agent: "shell", owner: "watch-1")]
    }
    #expect(texts(explanation.tasks[0].causes) == ["agent shell: 2 of 2 running"])
    #expect(explanation.tasks[0].earliest == .unknown)
  }

  @Test func theSlotsOfAnotherRunnerAreNotOurs() {
    let explanation = explain {
      $0.slots = [.init(agent: "shell", owner: "drain-2"), .init(agent: "shell", owner: "drain-2")]
    }
    #expect(explanation.tasks[0].causes == [.next])
  }

  @Test func anIllAgentIsNamedWithItsErrorAndItsNextProbe() {
    let explanation = explain {
      $0.records["shell"] = AgentRecord(
        id: "shell", infrastructureFailures: 3, probeAt: later(9), lastError: "no processes left")
    }
    #expect(
      texts(explanation.tasks[0].causes) == [
        "agent shell is unhealthy (no processes left), asked again at 2026-11-24T02:00:09.000Z, in 9s"
      ])
    #expect(explanation.tasks[0].earliest == .at(later(9)))
  }

  @Test func oneFullAgentAmongIllOnesMakesTheStartUnknown() {
    let explanation = explain {
      $0.agents.append(.init(id: "other", kind: "command", capabilities: ["shell"], maxConcurrent: nil))
      $0.slots = [.init(agent: "shell", owner: "watch-1"), .init(agent: "shell", owner: "watch-1")]
      $0.records["other"] = AgentRecord(id: "other", infrastructureFailures: 4, probeAt: later(9))
    }
    #expect(explanation.tasks[0].causes.map(\.code) == ["agents"])
    #expect(explanation.tasks[0].earliest == .unknown)
  }

  @Test func noFreeSlotNamesTheBound() {
    let explanation = explain {
      $0.agents[0].maxConcurrent = nil
      $0.slots = Array(repeating: .init(agent: "shell", owner: "watch-1"), count: 4)
    }
    #expect(texts(explanation.tasks[0].causes) == ["no free slot: 4 tasks run, max_parallel_tasks is 4"])
    #expect(explanation.tasks[0].earliest == .unknown)
  }

  @Test func aHeldRunSaysHowItGoesOn() {
    let explanation = explain { $0.run.state = .held }
    #expect(texts(explanation.causes) == ["held; let it go on with: astro release \(id)"])
    #expect(explanation.tasks.map(\.earliest) == [.unknown, .unknown])
  }

  @Test func aCancelledRunSaysSo() {
    let explanation = explain { $0.run.isCancelRequested = true }
    #expect(explanation.causes == [.cancelling])
  }

  @Test func withoutARunnerItSaysWhatToStart() {
    let explanation = explain { $0.presence = .absent }
    #expect(texts(explanation.causes) == ["no runner works on this home: start astro watch or astro drain"])
    #expect(explanation.tasks[0].earliest == .unknown)
    #expect(explain { $0.presence = .succession }.causes == [.betweenRunners])
  }

  @Test func whatARunnerThatIsMissingWillHaveToWaitForIsKnown() {
    let spentKey = LimitVerdict(
      limiter: LimiterName.quota, key: "ai", allowed: false, limit: 0, remaining: 0, resetAt: later(300),
      retryAfter: .seconds(300))
    for presence in [RunSituation.Presence.absent, .succession] {
      let waiting = explain {
        $0.presence = presence
        $0.refusals["a"] = spentKey
      }
      #expect(waiting.tasks[0].earliest == .at(later(300)))
      #expect(waiting.tasks[1].earliest == .unknown, "it waits for the first")
    }
    let held = explain {
      $0.run.state = .held
      $0.refusals["a"] = spentKey
    }
    #expect(held.tasks[0].earliest == .unknown)
  }

  @Test func aDeadlineCountsFromTheRetry() {
    let explanation = explain {
      $0.plan.deadline = .seconds(3600)
      $0.run.claimedAt = later(-7200)
      $0.run.retriedAt = later(-600)
    }
    #expect(explanation.causes == [.deadline(later(3000))])
    #expect(explanation.tasks[0].earliest == .at(now))
  }

  @Test func anEndedRunNamesTheFirstFailureThatCounted() {
    let explanation = explain {
      $0.run.state = .failed
      $0.run.reason = "task 'b' failed"
      $0.plan.tasks[0].continueOnError = true
      $0.tasks["a"] = task("a", .failed) { $0.finishedAt = later(-20) }
      $0.tasks["b"] = task("b", .timedOut) {
        $0.finishedAt = later(-10)
        $0.reason = "timed out"
        $0.attempts = 2
      }
    }
    #expect(explanation.tasks.isEmpty)
    #expect(explanation.ending?.failure == .init(id: "b", state: .timedOut, reason: "timed out", attempt: 2))
  }

  @Test func oneTaskCanBeAskedAbout() {
    let explanation = explain { $0.narrow(to: "b") }
    #expect(explanation.tasks.map(\.id) == ["b"])
  }
}
