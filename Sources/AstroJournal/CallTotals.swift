public import AstroCore

/// What calls to models took together. One whose account is not known counts with all that was reserved for it.
public struct CallTotals: Sendable, Equatable {
  public var calls = 0
  public var usage = TokenUsage()
  public var cost = Money.zero
  /// Calls that nobody has settled, or whose provider did not say what they took: ``cost`` is an upper bound then.
  public var estimated = 0
  /// Calls to models without a price: ``cost`` does not hold them.
  public var unpriced = 0

  public init() {}

  init(calls: Int, usage: TokenUsage, cost: Money, estimated: Int, unpriced: Int) {
    self.calls = calls
    self.usage = usage
    self.cost = cost
    self.estimated = estimated
    self.unpriced = unpriced
  }

  public static func + (a: CallTotals, b: CallTotals) -> CallTotals {
    CallTotals(
      calls: a.calls + b.calls, usage: a.usage + b.usage, cost: a.cost + b.cost, estimated: a.estimated + b.estimated,
      unpriced: a.unpriced + b.unpriced)
  }
}
