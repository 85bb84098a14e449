/// What a run, a task, a user or a day may use up at most. `nil` is no bound.
public struct BudgetPlan: Sendable, Hashable {
  public var cost: Money?
  public var tokens: Int64?
  public var calls: Int64?

  public init(cost: Money? = nil, tokens: Int64? = nil, calls: Int64? = nil) {
    self.cost = cost
    self.tokens = tokens
    self.calls = calls
  }
}

/// What whoever submits a run says of it besides its parameters, kept among them under names no parameter can have.
public enum RunOption {
  /// Nothing cached stands for an attempt of the run.
  public static let noCache = "--no-cache"
}

/// Whether a task may be answered by what an equal one was answered before.
public struct CachePlan: Sendable, Hashable {
  /// `nil` is any age.
  public var maxAge: Duration?

  public init(maxAge: Duration? = nil) { self.maxAge = maxAge }
}
