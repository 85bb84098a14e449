/// One entry of `limits:` in the configuration: what tasks and agents share, in all runs and processes.
public struct NamedLimit: Sendable, Hashable {
  /// For whom each has a state of its own.
  public enum Scope: String, Sendable, CaseIterable {
    /// One for everybody.
    case all
    case user, agent, workflow

    /// Under which key it is charged.
    public func key(user: String, agent: String, workflow: String) -> String {
      switch self {
      case .all: ""
      case .user: user
      case .agent: agent
      case .workflow: workflow
      }
    }
  }

  /// So much in any window of that length.
  public struct Rate: Sendable, Hashable {
    /// Requests, tokens or picodollars.
    public var amount: Int64
    public var window: Duration

    public init(amount: Int64, window: Duration) {
      self.amount = amount
      self.window = window
    }
  }

  /// What is bounded; `nil` is not.
  public struct Bounds: Sendable, Hashable {
    /// Attempts at a time.
    public var concurrent: Int64?
    public var rate: Rate?
    public var tokens: Rate?
    public var spend: Rate?

    public init(concurrent: Int64? = nil, rate: Rate? = nil, tokens: Rate? = nil, spend: Rate? = nil) {
      self.concurrent = concurrent
      self.rate = rate
      self.tokens = tokens
      self.spend = spend
    }
  }

  /// Other bounds at a time of day, local time of the machine. One that ends before it begins lasts over midnight.
  public struct Hours: Sendable, Hashable {
    /// Minutes since midnight.
    public var from: Int
    public var to: Int
    /// Each that is set replaces the limit's own.
    public var bounds: Bounds

    public init(from: Int, to: Int, bounds: Bounds) {
      self.from = from
      self.to = to
      self.bounds = bounds
    }

    func holds(atMinute minute: Int) -> Bool {
      from <= to ? (from..<to).contains(minute) : minute >= from || minute < to
    }
  }

  /// How much of a call's tokens is taken before it is made.
  public enum Reservation: String, Sendable, CaseIterable {
    /// The most it can be.
    case strict
    /// What calls of its kind have taken so far.
    case expected
  }

  public var name: String
  public var scope: Scope
  public var bounds: Bounds
  public var hours: [Hours]
  public var reservation: Reservation

  public init(
    name: String, scope: Scope = .all, bounds: Bounds, hours: [Hours] = [], reservation: Reservation = .strict
  ) {
    self.name = name
    self.scope = scope
    self.bounds = bounds
    self.hours = hours
    self.reservation = reservation
  }

  /// Whether it bounds attempts at a time, be it at some hours only.
  public var boundsPlaces: Bool { bounds.concurrent != nil || hours.contains { $0.bounds.concurrent != nil } }

  /// The bounds at a minute of the day; of several hours that hold the first counts.
  public func bounds(atMinute minute: Int) -> Bounds {
    guard let now = hours.first(where: { $0.holds(atMinute: minute) })?.bounds else { return bounds }
    return Bounds(
      concurrent: now.concurrent ?? bounds.concurrent, rate: now.rate ?? bounds.rate,
      tokens: now.tokens ?? bounds.tokens, spend: now.spend ?? bounds.spend)
  }
}
