import AstroCore
import AstroScheduling
import Testing

@testable import AstroRunner

/// What attempts that were parked or held ask for first when they go on.
@Suite struct NextCallTests {
  private let fixture: RunnerFixture
  private let runner: Runner

  init() throws {
    fixture = try RunnerFixture()
    runner = try fixture.pass()
  }

  private func performed(_ number: Int) -> AttemptKey {
    let run = WorkflowID(unchecked: "run-\(number)")
    let key = AttemptKey(workflow: run, task: "t", number: 1)
    runner.owned[run] = .init(user: "ann", submitter: 0, startedAt: nil, since: fixture.clock.now().wall)
    runner.performing[key] = PerformedAttempt(
      start: AttemptStart(key: key, user: "ann", agent: "model", work: .request(.value(.null))))
    return key
  }

  private let call = PlannedCall(to: "spare", CallCeiling(model: "m", tokens: 1, cost: nil))

  @Test func areForgottenWithTheirRuns() throws {
    let now = fixture.clock.now()
    for number in 1...200 {
      let key = performed(number)
      _ = try runner.event(of: .held("used up", next: call), key, now)
      #expect(runner.owned[key.workflow]?.nextCalls == [key: call])
      runner.unsettled.append(key.workflow)
    }
    try runner.settleEnded()
    #expect(runner.owned.isEmpty)
  }

  /// Each says itself what it waits for: what others were told in between is nothing to it.
  @Test func whereAnAttemptWaitsItHasSaidItself() throws {
    let now = fixture.clock.now()
    let until = now.wall + .seconds(60)
    let opens = now.boot + 60_000_000
    let budget = LimitPlace(limiter: "budget:daily", key: "")
    for (number, refusal, place, binds) in [
      (1, LimitRefusal(.limit(LimitPlace(limiter: "gate/tokens", key: "ann")), until: until), "gate/ann", true),
      (2, LimitRefusal(.provider(of: "spare"), until: until), "provider/spare", true),
      (3, LimitRefusal(.server("example.org"), until: until), "example.org/", true),
      (4, LimitRefusal(.limit(budget, bindsOthers: false), until: until), "budget:daily/", false),
    ] {
      let key = performed(number)
      guard
        case .parked(key, let found, opens, let bindsOthers)? = try runner.event(
          of: .parked(refusal, next: call), key, now)
      else {
        Issue.record("it is not parked until then: \(place)")
        continue
      }
      #expect("\(found.limiter)/\(found.key)" == place)
      #expect(bindsOthers == binds)
      #expect(runner.owned[key.workflow]?.nextCalls == [key: call])
    }
    // Who asks the same is closed too, and nobody else.
    #expect(runner.batch.takeBlocks().map(\.agent) == ["spare"])
  }

  /// Another call was answered meanwhile.
  @Test func aKeyThatTheJournalDoesNotKnowAsUsedUpIsNotWaitedFor() throws {
    let now = fixture.clock.now()
    let key = performed(1)
    let refusal = LimitRefusal(.key(of: "spare"), until: now.wall + .seconds(300))
    let place = LimitPlace(limiter: LimiterName.quota, key: "spare")
    guard case .parked(key, place, let until, _)? = try runner.event(of: .parked(refusal, next: call), key, now) else {
      Issue.record("it is not parked")
      return
    }
    #expect(until == now.boot)
  }
}
