/// The state of one limiter for one key: what was granted within the last window, oldest first.
///
/// A *merged sliding log*. A log of every single hit (the textbook's sliding log) is exact but grows with the limit; here
/// hits that come within a 256th of the window share one entry `(first, last, weight)`, which stays charged until its
/// newest hit is a whole window old. Of a limit of at most 256 each hit has its own.
///
/// - **Never above the limit.** A hit at time `t` stays charged at least until `t + W`. So the hits in any half-open
///   window `(s-W, s]` were all charged together at the last admission inside it, and that admission kept the sum
///   within the limit. Weights and the order of arrival do not matter.
/// - **At most 258 entries.** Two consecutive entries begin at least a 256th of the window apart.
/// - **Use.** A hit is held a 256th of the window too long at most: a saturated limiter grants 256/257 of its rate.
///   Where hits are further apart than that, and where the limit is at most 256, it is exact.
///
/// All times are microseconds of CLOCK_BOOTTIME: a step of the wall clock or a suspend changes nothing.
public struct SlidingLog: Sendable, Equatable {
  /// Hits charged together.
  public struct Entry: Sendable, Equatable {
    /// When the first of them came.
    public var first: Int64
    /// When the last of them came: all are charged until a window after it.
    public var last: Int64
    public var weight: Int64

    public init(first: Int64, last: Int64, weight: Int64) {
      self.first = first
      self.last = last
      self.weight = weight
    }
  }

  /// Oldest first; they do not overlap.
  public internal(set) var entries: [Entry]
  /// The weight of all ``entries``.
  public internal(set) var total: Int64
  /// Nothing is granted before this time, whatever the window holds: a provider said so.
  public internal(set) var blockedUntil: Int64?

  public init() {
    entries = []
    total = 0
    blockedUntil = nil
  }

  /// What `consume` would answer, without taking anything.
  public func check(_ weight: Int64, at now: Int64, in window: RateWindow) -> LimitAnswer {
    let now = settled(now)
    let live = entries.dropFirst(expired(at: now, in: window))
    let used = total - entries[..<live.startIndex].reduce(0) { $0 + $1.weight }
    return LimitAnswer(
      decision: decide(max(0, weight), at: now, in: window, live: live, used: used), used: used,
      remaining: max(0, window.maxRequests - used), resetAt: reset(of: live, at: now, in: window))
  }

  /// Takes `weight` when it fits. A request that is not granted leaves the log as it was.
  public mutating func consume(_ weight: Int64, at now: Int64, in window: RateWindow) -> LimitAnswer {
    let answer = check(weight, at: now, in: window)
    guard case .granted = answer.decision, weight > 0 else { return answer }
    prune(at: now, in: window)
    charge(weight, at: settled(now), in: window)
    var granted = answer
    granted.used = total
    granted.remaining = max(0, window.maxRequests - total)
    granted.resetAt = max(reset(of: entries[...], at: settled(now), in: window), now)
    return granted
  }

  /// Gives back `weight` that was granted at `time` and never used. What has left the window since, or was charged at a
  /// later time than `time`, stays as it is: too much may stay charged, never too little.
  public mutating func refund(_ weight: Int64, grantedAt time: Int64) {
    guard let index = entries.lastIndex(where: { $0.first <= time && time <= $0.last }) else { return }
    let back = min(max(0, weight), entries[index].weight)
    entries[index].weight -= back
    total -= back
    if entries[index].weight == 0 { entries.remove(at: index) }
  }

  /// Replaces what was reserved at `time` by what was used: what is left over is given back, what is beyond is charged now,
  /// also above the limit, since it cannot be undone.
  ///
  /// - Parameter arrival: when whoever counts the same elsewhere saw it, at the latest: it stays charged a whole window from
  ///   then on, so that it has left that other window, too, when another takes its place. Until it was settled it was charged
  ///   from the grant on.
  public mutating func settle(
    _ reserved: Int64, used: Int64, grantedAt time: Int64, arrival: Int64? = nil, at now: Int64, in window: RateWindow
  ) {
    if used < reserved { refund(reserved - used, grantedAt: time) }
    if let arrival { postpone(min(reserved, used), grantedAt: time, to: min(arrival, now), in: window) }
    guard used > reserved else { return }
    prune(at: now, in: window)
    charge(used - reserved, at: settled(now), in: window)
  }

  /// Charges `weight` that was granted at `time` as if it had been granted at `later`, which is past.
  private mutating func postpone(_ weight: Int64, grantedAt time: Int64, to later: Int64, in window: RateWindow) {
    guard let index = entries.lastIndex(where: { $0.first <= time && time <= $0.last }), entries[index].last < later
    else { return }
    let moved = min(max(0, weight), entries[index].weight)
    guard moved > 0 else { return }
    refund(moved, grantedAt: time)
    if let next = entries.firstIndex(where: { $0.last >= later }) {
      entries[next].weight += moved
      total += moved
    } else {
      charge(moved, at: later, in: window)
    }
  }

  /// Grants nothing before `time`. A shorter block never ends a longer one: whoever was told to wait longest is right.
  public mutating func block(until time: Int64) {
    blockedUntil = max(blockedUntil ?? time, time)
  }

  /// When the state says nothing any more and may be forgotten.
  public func expires(in window: RateWindow) -> Int64 {
    max(entries.last.map { $0.last + window.width } ?? .min, blockedUntil ?? .min)
  }

  /// Forgets what is a whole window old.
  mutating func prune(at now: Int64, in window: RateWindow) {
    let dead = expired(at: settled(now), in: window)
    for entry in entries[..<dead] { total -= entry.weight }
    entries.removeFirst(dead)
    if let end = blockedUntil, end <= now { blockedUntil = nil }
  }

  private mutating func charge(_ weight: Int64, at now: Int64, in window: RateWindow) {
    total += weight
    guard let newest = entries.indices.last, now - entries[newest].first < window.grain else {
      return entries.append(Entry(first: now, last: now, weight: weight))
    }
    entries[newest].weight += weight
    entries[newest].last = now
  }

  /// A process may read the clock, and lose the race to the state against one that read it later. Charging its hit at the
  /// later time keeps the entries in order and is never too early.
  private func settled(_ now: Int64) -> Int64 { max(now, entries.last?.last ?? now) }

  /// How many of the oldest entries no longer count.
  private func expired(at now: Int64, in window: RateWindow) -> Int {
    entries.firstIndex { $0.last > now - window.width } ?? entries.count
  }

  private func decide(
    _ weight: Int64, at now: Int64, in window: RateWindow, live: ArraySlice<Entry>, used: Int64
  ) -> LimitAnswer.Decision {
    guard weight <= window.maxRequests else { return .exceedsLimit }
    var opens = now
    var excess = used - (window.maxRequests - weight)
    // The oldest entries leave first; the last one needed says when the rest fits.
    for entry in live where excess > 0 {
      excess -= entry.weight
      opens = entry.last + window.width
    }
    opens = max(opens, blockedUntil ?? opens)
    return opens <= now ? .granted : .notBefore(opens)
  }

  private func reset(of live: ArraySlice<Entry>, at now: Int64, in window: RateWindow) -> Int64 {
    max(now, live.last.map { $0.last + window.width } ?? now, blockedUntil ?? now)
  }
}

/// The answer of a ``SlidingLog``; times are microseconds of CLOCK_BOOTTIME.
public struct LimitAnswer: Sendable, Equatable {
  public enum Decision: Sendable, Equatable {
    case granted
    /// Fits at this time exactly, if nobody else takes it before.
    case notBefore(Int64)
    /// Weighs more than the limiter ever grants: waiting cannot help.
    case exceedsLimit
  }

  public var decision: Decision
  /// What the window holds.
  public var used: Int64
  /// What may still be taken, never negative.
  public var remaining: Int64
  /// When everything is free again. (Not when *this* request fits: that is ``Decision/notBefore(_:)``.)
  public var resetAt: Int64
}
