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

extension LimitAnswer {
  var isGranted: Bool { decision == .granted }
}
