/// Where an attempt asks for leave before each call that costs, and accounts for it after: a call is made only once its
/// leave is durable, and its account is durable before the attempt goes on.
public protocol CallDesk: Sendable {
  /// Takes what the call may need at most from every limit and budget that binds it, all or nothing.
  /// - Parameter patience: how long it may wait here for a limit, in line with all others who do; where it would be longer the
  ///   answer is ``CallLeave/notBefore(_:)``, at once.
  func leave(for call: PlannedCall, patience: Duration) async -> CallLeave
  /// Replaces what was taken by what was used. Without this, after a crash, the whole of it stays counted.
  func settle(_ call: CallID, _ account: CallAccount) async
}

/// The most that one call to a model can take, or one attempt of a program that makes its calls itself, known before.
public struct CallCeiling: Sendable, Hashable {
  public var model: String
  /// Prompt and answer together: never less than the provider will count. Of a program, which cannot be told a most, nothing:
  /// they are counted when it has said what it took.
  public var tokens: Int64
  /// `nil` where the model has no price: unknown, and never nothing.
  public var cost: Money?
  /// Why the cost is not known, where it is not for the want of a price.
  public var unboundedBecause: String?

  public init(model: String, tokens: Int64, cost: Money?) {
    self.model = model
    self.tokens = tokens
    self.cost = cost
  }
}

extension CallCeiling {
  /// What stands against it where money is bounded and its ``cost`` is not known; the end of a sentence.
  public var wantOfCost: String { unboundedBecause ?? "the model '\(model)' has no price in config/models.yaml" }
}

/// A call that leave is asked for.
public struct PlannedCall: Sendable, Hashable {
  /// Whom it goes to: the agent of its attempt, or a fallback of that. It is counted at that one's limits.
  public var agent: String
  public var ceiling: CallCeiling
  /// The line of the batch file whose request it is: a result of it that is on disk says what it took. `nil` of other calls.
  public var line: Int?

  public init(to agent: String, _ ceiling: CallCeiling, line: Int? = nil) {
    self.agent = agent
    self.ceiling = ceiling
    self.line = line
  }
}

/// A call that was given leave, in its journal.
public struct CallID: Sendable, Hashable {
  public var number: Int64
  public init(_ number: Int64) { self.number = number }
}

public enum CallLeave: Sendable, Equatable {
  case granted(CallID)
  /// A limit is used up; the attempt is to end as parked and is begun again then, under the same number.
  case notBefore(LimitRefusal)
  /// The key it would be sent with is used up, the provider's words in one sentence; it is not tried before. Another agent
  /// may be asked.
  case spent(until: Timestamp, String)
  /// It can never be made, why in one sentence: it weighs more than a limit ever grants.
  case never(String)
  /// A budget does not have it, which one in one sentence: the run is to be held.
  case overBudget(String)
  /// Nobody answers any more: the runner has ended. The attempt is to end too, without an ending in what it leaves behind,
  /// so that the next runner goes on with it.
  case gone
}

/// What became of one call.
public struct CallAccount: Sendable, Equatable {
  public enum Status: String, Sendable, CaseIterable {
    case success
    /// By a limit of the provider's.
    case refused
    case error
  }

  /// As the provider names it, where it does.
  public var model: String
  public var status: Status
  /// `nil` where the provider did not say, and the ceiling stays counted; nothing where nothing was sent.
  public var usage: TokenUsage?
  public var cost: Money?
  /// When it was sent, in boot time; `nil` where nobody knows.
  public var sentAt: Int64?
  public var duration: Duration
  public var notice: ProviderNotice?

  public init(
    model: String, status: Status, usage: TokenUsage?, cost: Money?, sentAt: Int64? = nil, duration: Duration,
    notice: ProviderNotice? = nil
  ) {
    self.model = model
    self.status = status
    self.usage = usage
    self.cost = cost
    self.sentAt = sentAt
    self.duration = duration
    self.notice = notice
  }
}

/// What a provider said of its own limits, in an answer or in a refusal: it moves the shared limit for everybody.
public struct ProviderNotice: Sendable, Equatable {
  /// The most that is waited on a server's word, which then is asked again: a wrong unit or a wrong clock of its own must not
  /// put work off for years.
  public static let longestWait = Duration.seconds(3600)

  /// Nothing is to be sent before this has passed; ``longestWait`` at most.
  public var wait: Duration?
  /// What is left of the provider's own windows, and when each is whole again.
  public var requests: Allowance?
  public var tokens: Allowance?
  /// The money or the quota of the key is used up: nothing more is sent with it. The provider's words, in one sentence.
  public var quota: String?

  public struct Allowance: Sendable, Equatable {
    public var limit: Int64?
    public var remaining: Int64?
    /// From now.
    public var reset: Duration?

    public init(limit: Int64? = nil, remaining: Int64? = nil, reset: Duration? = nil) {
      self.limit = limit
      self.remaining = remaining
      self.reset = reset
    }
  }

  public init(
    wait: Duration? = nil, requests: Allowance? = nil, tokens: Allowance? = nil, quota: String? = nil
  ) {
    self.wait = wait
    self.requests = requests
    self.tokens = tokens
    self.quota = quota
  }
}
