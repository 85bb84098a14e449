/// The answer of a rate limiter.
public struct LimitVerdict: Sendable, Equatable {
  public var limiter: String
  public var key: String
  public var allowed: Bool
  /// The most the window holds; the greatest number there is where no most is known.
  public var limit: Int64
  /// What may still be taken now, never negative.
  public var remaining: Int64
  /// When everything is free again.
  public var resetAt: Timestamp
  /// When this request would fit, if nobody else takes it; zero when allowed.
  public var retryAfter: Duration
  /// Whether everybody who needs the limit waits as long; else it is only that so much does not fit.
  public var bindsOthers = true

  /// ``limit`` as it is told; `nil` is none that is known.
  public var toldLimit: Int64? { limit == .max ? nil : limit }

  public init(
    limiter: String, key: String, allowed: Bool, limit: Int64, remaining: Int64, resetAt: Timestamp,
    retryAfter: Duration
  ) {
    self.limiter = limiter
    self.key = key
    self.allowed = allowed
    self.limit = limit
    self.remaining = remaining
    self.resetAt = resetAt
    self.retryAfter = retryAfter
  }
}
