public import AstroCore
import AstroLimits

/// One limiter under one key, as `astro limits show` lists it.
public struct RateLimitStatistics: Sendable, Equatable {
  public var limiter: String
  public var key: String
  public var requestsInWindow: Int64
  /// `nil` where the limit is a provider's, which says when it opens and not how much it holds; so are ``maxRequests`` and
  /// ``window``.
  public var remaining: Int64?
  /// Until everything is free again.
  public var resetIn: Duration
  public var maxRequests: Int64?
  public var window: Duration?
  /// How many wait until it opens, in the whole home.
  public var waiting: Int
  /// How long the first of them has waited.
  public var oldestWait: Duration
  /// Nothing is granted before, whatever the window holds.
  public var blockedUntil: Timestamp?

  /// `nil` when there is nothing to tell.
  init?(
    _ place: LimitPlace, _ log: SlidingLog, window: RateWindow, waiting: LimitWaiters, at now: Moment
  ) {
    let answer = log.check(0, at: now.boot, in: window)
    let block = log.blockedUntil.flatMap { $0 > now.boot ? $0 - now.boot : nil }
    guard answer.used > 0 || block != nil || waiting.count > 0 else { return nil }
    limiter = place.limiter
    key = place.key
    requestsInWindow = answer.used
    remaining = window.isOpen ? nil : answer.remaining
    resetIn = .microseconds(answer.resetAt - now.boot)
    maxRequests = window.isOpen ? nil : window.maxRequests
    self.window = window.isOpen ? nil : window.window
    self.waiting = waiting.count
    oldestWait = waiting.since.map { max(.zero, now.wall - $0) } ?? .zero
    blockedUntil = block.map { now.wall + .microseconds($0) }
  }

  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("limiter", limiter)
    writer.member("key", key)
    writer.member("requests_in_window", requestsInWindow)
    writer.member("remaining", remaining.map(JSONValue.integer) ?? .null)
    writer.member("reset_in_seconds", resetIn.seconds)
    writer.member("max_requests", maxRequests.map(JSONValue.integer) ?? .null)
    writer.member("window_seconds", window.map { JSONValue.number($0.seconds) } ?? .null)
    writer.member("waiting", waiting)
    writer.member("oldest_wait_seconds", oldestWait.seconds)
    writer.key("blocked_until")
    if let blockedUntil { writer.string(blockedUntil.rfc3339) } else { writer.null() }
    writer.endObject()
  }
}
