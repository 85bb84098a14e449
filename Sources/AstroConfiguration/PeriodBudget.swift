public import AstroCore

/// One entry of `budgets:`: what all runs together may use up in a period.
public struct PeriodBudget: Sendable, Equatable {
  /// For whom each has an account of its own.
  public enum Scope: String, Sendable, CaseIterable {
    /// One for everybody.
    case all
    case user
  }

  public enum Period: String, Sendable, CaseIterable { case day }

  /// Where a day begins.
  public enum TimeZone: String, Sendable, CaseIterable {
    case utc = "UTC"
    /// The machine's.
    case local
  }

  /// What becomes of work that does not fit.
  public enum Policy: String, Sendable, CaseIterable {
    /// It waits until the period turns.
    case park
    /// Its run is held until it is released.
    case hold
  }

  public var name: String
  public var bounds: BudgetPlan
  public var scope = Scope.all
  public var period = Period.day
  public var timeZone = TimeZone.utc
  public var onExceeded = Policy.park

  public init(name: String, bounds: BudgetPlan) {
    self.name = name
    self.bounds = bounds
  }
}
