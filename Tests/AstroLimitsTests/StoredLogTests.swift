import AstroCore
import AstroLimits
import Testing

struct StoredLogTests {
  private let window = RateWindow(maxRequests: 1, window: .seconds(60))
  /// Written 500 s after the boot `a`, at wall second 1000; one hit at that time.
  private var stored: StoredLog {
    var log = SlidingLog()
    _ = log.consume(1, at: 500_000_000, in: window)
    return StoredLog(log: log, bootID: "a", written: moment(wall: 1000, boot: 500))
  }

  private func moment(wall: Int64, boot: Int64) -> Moment {
    Moment(wall: Timestamp(microseconds: wall * 1_000_000), boot: boot * 1_000_000)
  }

  private func decision(on boot: String, at now: Moment) -> LimitAnswer.Decision {
    stored.log(on: boot, at: now).check(1, at: now.boot, in: window).decision
  }

  @Test func onTheSameBootAStepOfTheWallClockChangesNothing() {
    for wall in [0, 1_000_000] as [Int64] {
      #expect(decision(on: "a", at: moment(wall: wall, boot: 559)) == .notBefore(560_000_000))
      #expect(decision(on: "a", at: moment(wall: wall, boot: 560)) == .granted)
    }
  }

  @Test func afterARebootTheWallClockTellsTheAge() {
    // 40 s later by the wall clock, 10 s after the new boot: 20 s are left.
    #expect(decision(on: "b", at: moment(wall: 1040, boot: 10)) == .notBefore(30_000_000))
    #expect(decision(on: "b", at: moment(wall: 1060, boot: 30)) == .granted)
  }

  @Test func afterARebootAClockSetBackMeansThatNoTimeHasPassedButTheUptime() {
    #expect(decision(on: "b", at: moment(wall: 200, boot: 0)) == .notBefore(60_000_000))
    #expect(decision(on: "b", at: moment(wall: 210, boot: 10)) == .notBefore(60_000_000))
    // However wrong the clock stays, the wait ends.
    #expect(decision(on: "b", at: moment(wall: 260, boot: 60)) == .granted)
  }

  @Test func aBlockMovesWithTheLog() {
    var blocked = stored
    blocked.log.block(until: 700_000_000)
    let now = moment(wall: 1050, boot: 5)
    // 200 s from when it was written, 50 s of them gone.
    #expect(
      blocked.log(on: "b", at: now).check(1, at: now.boot, in: window).decision == .notBefore(155_000_000))
  }
}
