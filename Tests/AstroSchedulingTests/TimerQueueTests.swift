import AstroCore
import Testing

@testable import AstroScheduling

@Suite struct TimersThatMeanNothing {
  @Test func areDroppedWheneverTheQueueHasDoubled() {
    var timers = TimerQueue()
    let task = TaskReference(run: WorkflowID(unchecked: "run"), index: 0)
    var most = 0
    for launch in Int32(1)...100_000 {
      timers.add(.timeout(task, launch: launch), at: Int64(launch))
      if timers.isCrowded { timers = timers.keeping { $0 == .timeout(task, launch: launch) } }
      most = max(most, timers.count)
    }
    #expect(most <= 1024)
    #expect(timers.popDue(at: .max) != nil)
  }

  @Test func leaveThoseThatDoInTheirOrder() {
    var timers = TimerQueue()
    for number in 0..<5000 {
      timers.add(.unblock(LimitPlace(limiter: "x", key: "\(number)")), at: Int64(10_000 - number))
    }
    #expect(timers.isCrowded)
    timers = timers.keeping { if case .unblock(let place) = $0 { place.key.hasSuffix("7") } else { false } }
    #expect(timers.count == 500 && !timers.isCrowded)
    #expect(timers.popDue(at: .max) == .unblock(LimitPlace(limiter: "x", key: "4997")))
    #expect(timers.popDue(at: .max) == .unblock(LimitPlace(limiter: "x", key: "4987")))
  }
}
