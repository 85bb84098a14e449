import AstroLimits

/// The definition itself, against which the merged log is held: every single hit, kept for ever.
struct ExactLog {
  private(set) var hits: [(time: Int64, weight: Int64)] = []

  mutating func add(_ weight: Int64, at time: Int64) { hits.append((time, weight)) }

  /// The weight in the window `(time - width, time]`.
  func weight(inWindowEndingAt time: Int64, width: Int64) -> Int64 {
    var sum: Int64 = 0
    for hit in hits.reversed() {
      if hit.time <= time - width { break }
      if hit.time <= time { sum += hit.weight }
    }
    return sum
  }

  /// When `weight` fits by the definition.
  func opening(for weight: Int64, at now: Int64, limit: Int64, width: Int64) -> Int64 {
    var time = now
    let recent = hits[(hits.lastIndex { $0.time <= now - width } ?? -1).advanced(by: 1)...]
    for hit in recent where self.weight(inWindowEndingAt: time, width: width) + weight > limit {
      time = max(time, hit.time + width)
    }
    return time
  }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same history for the same seed on every machine.
struct Dice: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

extension LimitAnswer {
  var isGranted: Bool { decision == .granted }
}
