import AstroCore

/// How many requests the provider behind an agent lets through, as its last answers said. One runner knows it and the next
/// learns it anew from its first answer; what has to hold for all of them is a block in the journal.
struct LearnedLimit {
  /// The most it ever lets through at once.
  private var whole: Int64?
  private var left: (count: Int64, since: Int64, until: Int64)?

  /// Takes in what an answer said of requests.
  /// - Parameters:
  ///   - sentAt: when its request was sent, and `now`, in boot time.
  mutating func learn(_ allowance: ProviderNotice.Allowance, sentAt: Int64, at now: Int64) {
    if let limit = allowance.limit, limit > 0 { whole = limit }
    guard let remaining = allowance.remaining, let reset = allowance.reset, reset > .zero else { return }
    var count = remaining
    // Answers to requests that were under way together overtake each other: the least of them is the last.
    if let left, sentAt < left.since, now < left.until { count = min(count, left.count) }
    left = (count, now, now + reset.microseconds)
  }

  /// How many may be under way at `now`, since each of those takes one of what is left, and how long that holds.
  func most(at now: Int64) -> (count: Int64, for: Duration)? {
    if let left, now < left.until { return (left.count, .microseconds(left.until - now)) }
    // To some providers the window opens again when the oldest call leaves it, and not whole: one call finds out.
    if left?.count == 0 { return (1, .seconds(5)) }
    return whole.map { ($0, .seconds(5)) }
  }
}
