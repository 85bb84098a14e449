import AstroCore
import AstroLimits
import AstroTestKit
import Testing

/// Random histories on a clock the test turns, held against the definition.
struct SlidingLogPropertyTests {
  private struct Shape {
    var limit: Int64
    var width: Int64
    var heaviest: Int64
    /// The longest pause between two requests.
    var pause: Int64
  }

  private static func shape(_ dice: inout SplitMix64) -> Shape {
    let limit = Int64.random(in: 1...400, using: &dice)
    let width = Int64.random(in: 1...3_000_000, using: &dice)
    return Shape(
      limit: limit, width: width, heaviest: Bool.random(using: &dice) ? 1 : limit,
      pause: max(1, width / Int64.random(in: 1...800, using: &dice)))
  }

  @Test(arguments: 0..<200)
  func neverGrantsMoreThanTheLimitInAnyWindow(seed: Int) {
    var dice = SplitMix64(seed: UInt64(seed))
    let shape = Self.shape(&dice)
    let window = RateWindow(maxRequests: shape.limit, window: .microseconds(shape.width))
    var log = SlidingLog()
    var exact = ExactLog()
    var now: Int64 = 0
    var fullest: Int64 = 0
    var most = 0
    for _ in 0..<600 {
      now += Int64.random(in: 0...shape.pause, using: &dice)
      let weight = Int64.random(in: 1...shape.heaviest, using: &dice)
      guard log.consume(weight, at: now, in: window).isGranted else { continue }
      exact.add(weight, at: now)
      // The fullest windows are those that end at a hit.
      fullest = max(fullest, exact.weight(inWindowEndingAt: now, width: shape.width))
      most = max(most, log.entries.count)
    }
    #expect(fullest <= shape.limit)
    #expect(most <= 258)
    #expect(log.total == log.entries.reduce(0) { $0 + $1.weight })
  }

  /// A call is seen by its provider some time after its grant, and settled, with a bound of when that was, before the grant is
  /// a window old: then the provider's own windows hold no more than the limit either.
  @Test(arguments: 0..<200)
  func neverArrivesMoreThanTheLimitInAnyWindow(seed: Int) {
    var dice = SplitMix64(seed: UInt64(seed) &+ 5_000)
    let shape = Self.shape(&dice)
    let window = RateWindow(maxRequests: shape.limit, window: .microseconds(shape.width))
    var log = SlidingLog()
    var arrivals: [(time: Int64, weight: Int64)] = []
    var underway: [(granted: Int64, arrived: Int64, answered: Int64, weight: Int64)] = []
    var now: Int64 = 0
    for _ in 0..<600 {
      now += Int64.random(in: 0...shape.pause, using: &dice)
      for call in underway where call.answered <= now {
        log.settle(
          call.weight, used: call.weight, grantedAt: call.granted, arrival: call.arrived, at: now, in: window)
      }
      underway.removeAll { $0.answered <= now }
      let weight = Int64.random(in: 1...shape.heaviest, using: &dice)
      guard log.consume(weight, at: now, in: window).isGranted else { continue }
      let arrived = now + Int64.random(in: 0...(shape.width / 4), using: &dice)
      underway.append((now, arrived, arrived + Int64.random(in: 0...(shape.width / 4), using: &dice), weight))
      arrivals.append((arrived, weight))
    }
    var seen = ExactLog()
    var fullest: Int64 = 0
    for arrival in arrivals.sorted(by: { $0.time < $1.time }) {
      seen.add(arrival.weight, at: arrival.time)
      fullest = max(fullest, seen.weight(inWindowEndingAt: arrival.time, width: shape.width))
    }
    #expect(fullest <= shape.limit)
    #expect(log.total == log.entries.reduce(0) { $0 + $1.weight })
  }

  @Test func theMomentItNamesIsGrantedAndTheOneBeforeIsNot() {
    let refusals = (0..<100).reduce(0) { $0 + Self.checkedRefusals(seed: $1) }
    #expect(refusals > 1_000)
  }

  private static func checkedRefusals(seed: Int) -> Int {
    var refusals = 0
    var dice = SplitMix64(seed: UInt64(seed) &+ 1_000)
    let shape = Self.shape(&dice)
    let window = RateWindow(maxRequests: shape.limit, window: .microseconds(shape.width))
    var log = SlidingLog()
    var now: Int64 = 0
    for _ in 0..<200 {
      now += Int64.random(in: 0...shape.pause, using: &dice)
      let weight = Int64.random(in: 1...shape.heaviest, using: &dice)
      guard case .notBefore(let opens) = log.consume(weight, at: now, in: window).decision else { continue }
      let isExact =
        opens > now && log.check(weight, at: opens, in: window).isGranted
        && !log.check(weight, at: opens - 1, in: window).isGranted
      if !isExact { Issue.record("weight \(weight) at \(now): \(opens) is not the moment it opens") }
      refusals += 1
    }
    return refusals
  }

  @Test(arguments: [1, 7, 100, 1000] as [Int64])
  func saturatedItUsesAtLeast995PerMille(limit: Int64) {
    let width: Int64 = 60_000_000
    let window = RateWindow(maxRequests: limit, window: .microseconds(width))
    var log = SlidingLog()
    var now: Int64 = 0
    var granted: Int64 = 0
    var dice = SplitMix64(seed: UInt64(limit))
    while now < 10 * width {
      switch log.consume(1, at: now, in: window).decision {
      case .granted:
        granted += 1
        // Work takes a moment, so that hits spread over the window and entries merge.
        now += Int64.random(in: 0...(2 * width / limit), using: &dice) / 3
      case .notBefore(let opens): now = opens
      case .exceedsLimit: Issue.record("a weight of 1 exceeds the limit")
      }
    }
    #expect(Double(granted) >= 0.995 * Double(limit * 10))
  }

  @Test func isExactForHitsFurtherApartThanA256thOfTheWindow() {
    let width: Int64 = 256_000
    let limit: Int64 = 100
    let window = RateWindow(maxRequests: limit, window: .microseconds(width))
    var dice = SplitMix64(seed: 42)
    var log = SlidingLog()
    var exact = ExactLog()
    var now: Int64 = 0
    for _ in 0..<2_000 {
      now += Int64.random(in: 1_000...3_000, using: &dice)
      let expected = exact.opening(for: 1, at: now, limit: limit, width: width)
      let answer = log.consume(1, at: now, in: window)
      if answer.decision != (expected == now ? .granted : .notBefore(expected)) {
        Issue.record("at \(now): \(answer.decision), by the definition \(expected)")
      }
      if answer.isGranted { exact.add(1, at: now) }
    }
    #expect(exact.hits.count > 500)
    #expect(exact.hits.count < 2_000)
  }

  /// True time runs on; each boot counts from its own zero; the wall clock is set back and forth on a running machine and
  /// set back while it is down. The state is stored and read back at every step.
  @Test(arguments: 0..<100)
  func holdsOverRebootsAndSteppedClocks(seed: Int) throws {
    var dice = SplitMix64(seed: UInt64(seed) &+ 9_000)
    let shape = Self.shape(&dice)
    let window = RateWindow(maxRequests: shape.limit, window: .microseconds(shape.width))
    var exact = ExactLog()
    var time: Int64 = 10_000_000
    var booted: Int64 = 0
    var boot = 0
    var wallOffset: Int64 = 1_000_000_000_000
    var stored: StoredLog?
    /// What the wall clock was off by when the state was written.
    var storedOffset = wallOffset
    var fullest: Int64 = 0
    for _ in 0..<400 {
      time += Int64.random(in: 0...shape.pause, using: &dice)
      switch Int.random(in: 0..<40, using: &dice) {
      case 0:
        // Down for a while. The clock comes back no later than the truth relative to what was stored.
        time += Int64.random(in: 0...shape.width, using: &dice)
        booted = time
        boot += 1
        wallOffset = storedOffset - Int64.random(in: 0...2 * shape.width, using: &dice)
      case 1: wallOffset += Int64.random(in: -5 * shape.width...5 * shape.width, using: &dice)
      default: break
      }
      // A clock ahead of what it was in an earlier boot cannot be told from time that passed: the one case left out.
      if let stored, stored.bootID != "boot-\(boot)" { wallOffset = min(wallOffset, storedOffset) }
      let now = Moment(wall: Timestamp(microseconds: time + wallOffset), boot: time - booted)
      var log = stored?.log(on: "boot-\(boot)", at: now) ?? SlidingLog()
      let weight = Int64.random(in: 1...shape.heaviest, using: &dice)
      guard log.consume(weight, at: now.boot, in: window).isGranted else { continue }
      exact.add(weight, at: time)
      fullest = max(fullest, exact.weight(inWindowEndingAt: time, width: shape.width))
      stored = StoredLog(log: try SlidingLog(decoding: log.encoded), bootID: "boot-\(boot)", written: now)
      storedOffset = wallOffset
    }
    #expect(fullest <= shape.limit)
    #expect(!exact.hits.isEmpty)
  }
}
