/// One limiter under one key: what is charged together.
public struct LimitPlace: Hashable, Sendable {
  public var limiter: String
  public var key: String

  public init(limiter: String, key: String) {
    self.limiter = limiter
    self.key = key
  }
}

/// A named limit bounds several things, each with a state of its own: `openai` its requests, `openai/tokens` its tokens.
extension LimitPlace {
  public enum Dimension: String, Sendable, CaseIterable {
    case concurrent, tokens
    case spend = "spend_usd"
  }

  public func dimension(_ dimension: Dimension) -> LimitPlace {
    LimitPlace(limiter: "\(limiter)/\(dimension.rawValue)", key: key)
  }

  /// Where it is counted how many run at a time.
  public var slots: LimitPlace { dimension(.concurrent) }

  /// What those wait for whom this refuses: a place among those that run, or the whole limit.
  public var waitedFor: LimitPlace {
    guard !isOfSlots, let slash = limiter.utf8.firstIndex(of: UInt8(ascii: "/")) else { return self }
    return LimitPlace(limiter: String(limiter[..<slash]), key: key)
  }

  /// The name of the limit that bounds how many run at a time here.
  public var limitOfSlots: String {
    isOfSlots ? String(limiter.dropLast(Dimension.concurrent.rawValue.count + 1)) : limiter
  }

  /// Whether it counts how many run at a time.
  public var isOfSlots: Bool { limiter.hasSuffix("/\(Dimension.concurrent.rawValue)") }
}
