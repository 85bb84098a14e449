import AstroCore
import Testing

@testable import AstroScheduling

@Suite struct TimersThatMeanNothing {
  @Test func areDroppedWheneverTheQueueHasDoubled() {
    var timers = TimerQueue()
    let task = TaskReference(run: WorkflowID(unchecked: "run"), index: 0)
    var most = 0
    for attempt in 1...100_000 {
      timers.add(.timeout(task, attempt: attempt), at: Int64(attempt))
      if timers.isCrowded { timers = timers.keeping { $0 == .timeout(task, attempt: attempt) } }
      most = max(most, timers.count)
    }
    #expect(most <= 1024)
    #expect(timers.popDue(at: .max) != nil)
  }

  @Test func leaveThoseThatDoInTheirOrder() {
    var timers = TimerQueue()
    for number in 0..<5000 { timers.add(.unblock(user: "\(number)"), at: Int64(10_000 - number)) }
    #expect(timers.isCrowded)
    timers = timers.keeping { if case .unblock(let user) = $0 { user.hasSuffix("7") } else { false } }
    #expect(timers.count == 500 && !timers.isCrowded)
    #expect(timers.popDue(at: .max) == .unblock(user: "4997"))
    #expect(timers.popDue(at: .max) == .unblock(user: "4987"))
  }
}
