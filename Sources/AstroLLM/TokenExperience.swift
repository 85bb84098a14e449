public import AstroCore

/// What calls to one model for one kind of task have taken so far, from which the next is estimated: for limits that reserve
/// what is expected, and settle. Older calls count less: half after ``halfLife`` of them.
public struct TokenExperience: Sendable, Hashable {
  static let halfLife = 200.0
  /// Before these many answers nothing is said about the longest of them.
  static let enough = 20.0
  /// Of a text nothing is known about.
  static let bytesPerToken = 3.5
  private static let decay = 0.996_540_262_827_868  // 0.5 to the power of 1 / halfLife

  /// Sums, the newest weighing 1.
  private var bytes: Double
  private var tokens: Double
  /// How many answers were so long, in classes that are an eighth of a power of two wide.
  private var classes: [Int: Double] = [:]

  public init() {
    tokens = 1000
    bytes = tokens * Self.bytesPerToken
  }

  /// Learns from a call whose usage is known.
  /// - Parameter textBytes: of its prompt, as ``TokenEstimator/textBytes(of:)`` counts.
  public mutating func learn(textBytes: Int64, usage: TokenUsage) {
    if usage.prompt > 0, textBytes > 0 {
      bytes = bytes * Self.decay + Double(textBytes)
      tokens = tokens * Self.decay + Double(usage.prompt)
    }
    for (key, weight) in classes { classes[key] = weight * Self.decay }
    classes[Self.classOf(usage.output), default: 0] += 1
  }

  /// Of a prompt of so many bytes.
  public func promptTokens(textBytes: Int64) -> Int64 { Int64((Double(textBytes) * tokens / bytes).rounded(.up)) }

  /// As many as 95 of 100 answers stay within, at most `limit`.
  public func outputTokens(limit: Int64) -> Int64 {
    let all = classes.values.reduce(0, +)
    guard all >= Self.enough * 0.9 else { return limit }
    var seen = 0.0
    for (key, weight) in classes.sorted(by: { $0.key < $1.key }) {
      seen += weight
      if seen >= 0.95 * all { return min(limit, Self.longest(of: key)) }
    }
    return limit
  }

  /// Exact below 8; above, the three bits after the first tell the class.
  private static func classOf(_ count: Int64) -> Int {
    let count = max(0, count)
    guard count >= 8 else { return Int(count) }
    let shift = 60 - count.leadingZeroBitCount
    return 8 * (shift + 1) + Int(count >> Int64(shift)) - 8
  }

  private static func longest(of key: Int) -> Int64 {
    guard key >= 8 else { return Int64(key) }
    let (shift, low) = (Int64(key / 8 - 1), Int64(key % 8 + 8))
    return (low + 1) << shift - 1
  }

  /// For keeping it: cron-driven passes have no memory.
  public var kept: JSONValue {
    .map([
      "bytes": .number(bytes), "tokens": .number(tokens),
      "classes": .map(Dictionary(uniqueKeysWithValues: classes.map { (String($0), .number($1)) })),
    ])
  }

  /// `nil` when it is not what ``kept`` gives.
  public init?(kept: JSONValue) {
    guard let bytes = kept["bytes"]?.double, let tokens = kept["tokens"]?.double, bytes > 0, tokens > 0,
      let classes = kept["classes"]?.members
    else { return nil }
    (self.bytes, self.tokens) = (bytes, tokens)
    for (key, weight) in classes {
      guard let key = Int(key), (0..<8 * 64).contains(key), let weight = weight.double, weight >= 0 else { return nil }
      self.classes[key] = weight
    }
  }
}
