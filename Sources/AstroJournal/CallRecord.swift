public import AstroCore

/// One call to a model in the ledger: what was reserved for it, and, once it is settled, what it took.
public struct CallRecord: Sendable, Equatable {
  public var id: CallID
  public var key: AttemptKey
  public var agent: String
  public var ceiling: CallCeiling
  /// ``PlannedCall/line``.
  public var line: Int?
  public var started: Moment
  /// The boot that `started.boot` counts from.
  public var bootID: String
  /// What was charged for it, and where.
  public var charges: [LimitCharge]
  public var budgets: [BudgetPlace]
  /// `nil` while it is under way, or when nobody knows what became of it: the whole reservation stays counted.
  public var account: CallAccount?

  public init(
    id: CallID = CallID(0), key: AttemptKey, agent: String, ceiling: CallCeiling, line: Int? = nil, started: Moment,
    bootID: String,
    charges: [LimitCharge] = [], budgets: [BudgetPlace] = [], account: CallAccount? = nil
  ) {
    self.id = id
    self.key = key
    self.agent = agent
    self.ceiling = ceiling
    self.line = line
    self.started = started
    self.bootID = bootID
    self.charges = charges
    self.budgets = budgets
    self.account = account
  }
}

/// A weight that was taken of a limit.
public struct LimitCharge: Sendable, Equatable {
  public var place: LimitPlace
  public var weight: Int64

  public init(_ place: LimitPlace, weight: Int64) {
    self.place = place
    self.weight = weight
  }
}

extension RecordText {
  static func encode(_ charges: [LimitCharge]) -> String {
    JSONValue.list(
      charges.map { .list([.string($0.place.limiter), .string($0.place.key), .integer($0.weight)]) }
    ).json
  }

  /// What each charge at a place begins with, whatever its weight.
  static func beginning(ofChargesAt place: LimitPlace) -> String {
    String(JSONValue.list([.string(place.limiter), .string(place.key)]).json.dropLast())
  }

  static func charges(_ text: String) -> [LimitCharge]? {
    triples(text)?.map { LimitCharge(LimitPlace(limiter: $0.0, key: $0.1), weight: $0.2) }
  }

  static func encode(_ places: [BudgetPlace]) -> String {
    JSONValue.list(places.map { .list([.string($0.scope), .string($0.key), .integer(0)]) }).json
  }

  static func budgets(_ text: String) -> [BudgetPlace]? {
    triples(text)?.map { BudgetPlace(scope: $0.0, key: $0.1) }
  }

  private static func triples(_ text: String) -> [(String, String, Int64)]? {
    guard case .list(let items)? = try? JSONReader.parse(text) else { return nil }
    var result: [(String, String, Int64)] = []
    for item in items {
      guard case .list(let parts) = item, parts.count == 3, case .string(let a) = parts[0],
        case .string(let b) = parts[1], case .integer(let c) = parts[2]
      else { return nil }
      result.append((a, b, c))
    }
    return result
  }
}
