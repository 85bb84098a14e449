public import AstroCore

/// What a budget belongs to: `run` and an identifier, `task` and `<run>/<task>`, or a budget of the configuration by its
/// name and the period, and user where it has one for each.
public struct BudgetPlace: Sendable, Hashable {
  public var scope: String
  public var key: String

  public init(scope: String, key: String) {
    self.scope = scope
    self.key = key
  }

  public static func run(_ id: WorkflowID) -> BudgetPlace { BudgetPlace(scope: "run", key: id.text) }
  public static func task(_ task: String, of id: WorkflowID) -> BudgetPlace {
    BudgetPlace(scope: "task", key: "\(id.text)/\(task)")
  }
}

/// What is spent of a budget and what is reserved for calls under way; together they never pass its bounds.
public struct BudgetRecord: Sendable, Equatable {
  public var place: BudgetPlace
  public var costHeld = Money.zero
  public var costSpent = Money.zero
  public var tokensHeld: Int64 = 0
  public var tokensSpent: Int64 = 0
  public var calls: Int64 = 0
  /// Bounds that were raised since; `nil` is as it was written.
  public var raised = BudgetPlan()

  public init(place: BudgetPlace) { self.place = place }

  /// The bounds that hold: those written, or what they were raised to.
  public func bounds(_ plan: BudgetPlan) -> BudgetPlan {
    BudgetPlan(
      cost: raised.cost ?? plan.cost, tokens: raised.tokens ?? plan.tokens, calls: raised.calls ?? plan.calls)
  }

  /// What stands against one more call.
  public enum Obstacle: Sendable, Equatable {
    /// Waiting for no call that is under way helps; why, the end of a sentence that begins with the budget. Whether a call
    /// that takes less would fit.
    case used(String, leavesLess: Bool)
    /// Only what calls under way reserve: it may fit when they are settled.
    case reserved
  }

  /// What stands against one more call; `nil` when nothing does.
  public func obstacle(to ceiling: CallCeiling, under plan: BudgetPlan) -> Obstacle? {
    let bounds = bounds(plan)
    if let most = bounds.calls, calls >= most { return .used("its \(most) calls are made", leavesLess: false) }
    if let most = bounds.tokens, tokensSpent + ceiling.tokens > most {
      return .used(
        "of \(most) tokens \(tokensSpent) are used, and the next call may take \(ceiling.tokens)",
        leavesLess: tokensSpent < most)
    }
    if let most = bounds.cost {
      guard let cost = ceiling.cost else { return .used(ceiling.wantOfCost, leavesLess: true) }
      if costSpent + cost > most {
        return .used(
          "of \(most) \(costSpent) are used, and the next call may cost \(cost)", leavesLess: costSpent < most)
      }
      if costSpent + costHeld + cost > most { return .reserved }
    }
    if let most = bounds.tokens, tokensSpent + tokensHeld + ceiling.tokens > most { return .reserved }
    return nil
  }
}
