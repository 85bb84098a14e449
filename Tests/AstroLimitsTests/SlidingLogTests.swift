import AstroCore
import AstroLimits
import Testing

private let minute: Int64 = 60_000_000

struct SlidingLogTests {
  let window = RateWindow(maxRequests: 3, window: .seconds(60))

  @Test func grantsUpToTheLimitThenNamesTheMomentTheOldestLeaves() {
    var log = SlidingLog()
    for second in [0, 10, 20] as [Int64] { #expect(log.consume(1, at: second * 1_000_000, in: window).isGranted) }
    let answer = log.consume(1, at: 30_000_000, in: window)
    #expect(answer.decision == .notBefore(minute))
    #expect(answer.remaining == 0)
    #expect(answer.resetAt == 20_000_000 + minute)
  }

  @Test func grantsExactlyAtTheMomentItNamedAndNotAMicrosecondBefore() {
    var log = SlidingLog()
    for time in [0, 1_000_000, 2_000_000] as [Int64] { _ = log.consume(1, at: time, in: window) }
    #expect(log.check(1, at: minute - 1, in: window).decision == .notBefore(minute))
    #expect(log.check(1, at: minute, in: window).isGranted)
  }

  @Test func waitsForEnoughOfTheOldestWhenTheWeightIsLarge() {
    var log = SlidingLog()
    for time in [0, 1_000_000, 2_000_000] as [Int64] { _ = log.consume(1, at: time, in: window) }
    #expect(log.check(2, at: 3_000_000, in: window).decision == .notBefore(1_000_000 + minute))
    #expect(log.check(3, at: 3_000_000, in: window).decision == .notBefore(2_000_000 + minute))
  }

  @Test func aWeightAboveTheLimitIsNeverGranted() {
    var log = SlidingLog()
    #expect(log.consume(4, at: 0, in: window).decision == .exceedsLimit)
    #expect(log == SlidingLog())
  }

  @Test func aRefusalChangesNothing() {
    var log = SlidingLog()
    _ = log.consume(3, at: 0, in: window)
    let before = log
    _ = log.consume(1, at: 1, in: window)
    #expect(log == before)
  }

  @Test func checkTakesNothingAndAgreesWithConsume() {
    var log = SlidingLog()
    let checked = log.check(2, at: 5, in: window)
    #expect(log == SlidingLog())
    #expect(checked.decision == log.consume(2, at: 5, in: window).decision)
    #expect(checked.remaining == 3)
    #expect(log.check(1, at: 5, in: window).remaining == 1)
  }

  @Test func mergesHitsWithinA256thOfTheWindow() {
    var log = SlidingLog()
    let wide = RateWindow(maxRequests: 1000, window: .microseconds(256_000))
    for time in [0, 999, 1000] as [Int64] { _ = log.consume(1, at: time, in: wide) }
    #expect(log.entries == [.init(first: 0, last: 999, weight: 2), .init(first: 1000, last: 1000, weight: 1)])
    #expect(log.total == 3)
  }

  @Test func aLimitThatBoundsTheLogItselfIsExact() {
    var log = SlidingLog()
    let small = RateWindow(maxRequests: 2, window: .microseconds(256_000))
    for time in [0, 999] as [Int64] { _ = log.consume(1, at: time, in: small) }
    #expect(log.check(1, at: 1000, in: small).decision == .notBefore(256_000))
    #expect(log.entries.count == 2)
  }

  @Test func aBlockHoldsEverythingAndAShorterOneDoesNotEndIt() {
    var log = SlidingLog()
    log.block(until: 500)
    log.block(until: 200)
    #expect(log.consume(1, at: 499, in: window).decision == .notBefore(500))
    #expect(log.check(1, at: 0, in: window).resetAt == 500)
    #expect(log.consume(1, at: 500, in: window).isGranted)
    #expect(log.blockedUntil == nil)
  }

  @Test func aClockReadEarlierButUsedLaterChargesNotTooEarly() {
    var log = SlidingLog()
    _ = log.consume(1, at: 1_000_000, in: window)
    #expect(log.consume(1, at: 400_000, in: window).isGranted)
    // Both stay charged until a minute after the later time.
    #expect(log.check(3, at: minute + 400_000, in: window).decision == .notBefore(minute + 1_000_000))
  }

  @Test func aLoweredLimitHoldsAtOnceAndRemainingIsNeverNegative() {
    var log = SlidingLog()
    _ = log.consume(3, at: 0, in: window)
    let lowered = RateWindow(maxRequests: 2, window: .seconds(60))
    let answer = log.check(1, at: 1, in: lowered)
    #expect(answer.decision == .notBefore(minute))
    #expect(answer.remaining == 0)
  }

  @Test func whatWasNotUsedIsGivenBackOnce() {
    let three = RateWindow(maxRequests: 3, window: .seconds(60))
    var log = SlidingLog()
    for time: Int64 in [0, 1_000_000, 2_000_000] { _ = log.consume(1, at: time, in: three) }
    log.refund(1, grantedAt: 1_000_000)
    #expect(log.check(1, at: 2_000_000, in: three).remaining == 1)
    log.refund(1, grantedAt: 1_000_000)
    log.refund(1, grantedAt: 999)
    #expect(log.check(1, at: 2_000_000, in: three).remaining == 1)
    log.refund(5, grantedAt: 2_000_000)
    #expect(log.check(1, at: 2_000_000, in: three).remaining == 2)
  }

  @Test func whatArrivedLaterIsChargedFromThen() {
    let two = RateWindow(maxRequests: 2, window: .seconds(60))
    var log = SlidingLog()
    for time: Int64 in [0, 10_000_000] { _ = log.consume(1, at: time, in: two) }
    log.settle(1, used: 1, grantedAt: 0, arrival: 3_000_000, at: 20_000_000, in: two)
    // Not before its arrival is a window old: it is charged with the next grant, which is later.
    #expect(log.check(1, at: 20_000_000, in: two).decision == .notBefore(10_000_000 + minute))
    log.settle(1, used: 1, grantedAt: 10_000_000, arrival: 15_000_000, at: 20_000_000, in: two)
    #expect(log.check(2, at: 20_000_000, in: two).decision == .notBefore(15_000_000 + minute))
    #expect(log.total == 2)
    // One that arrived before what it is charged at changes nothing, and none arrives later than now.
    log.settle(1, used: 1, grantedAt: 15_000_000, arrival: 12_000_000, at: 20_000_000, in: two)
    log.settle(1, used: 1, grantedAt: 15_000_000, arrival: 99_000_000, at: 20_000_000, in: two)
    #expect(log.check(2, at: 20_000_000, in: two).decision == .notBefore(20_000_000 + minute))
  }

  @Test func windowsBelowAMicrosecondAndAbsurdOnesAreBounded() {
    #expect(RateWindow(maxRequests: -1, window: .zero).maxRequests == 0)
    #expect(RateWindow(maxRequests: 1, window: .zero).window == .microseconds(1))
    var log = SlidingLog()
    let ages = RateWindow(maxRequests: .max, window: .seconds(Int64.max))
    #expect(log.consume(.max, at: 1_000_000, in: ages).isGranted)
    #expect(!log.consume(1, at: 2_000_000, in: ages).isGranted)
  }
}
