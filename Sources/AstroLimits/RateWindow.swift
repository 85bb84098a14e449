import AstroCore

/// How much a limiter grants: never more than ``maxRequests`` units of weight in any span of ``window``.
public struct RateWindow: Sendable, Hashable {
  /// Units of weight: requests where each weighs one, else tokens or millionths of a dollar.
  public let maxRequests: Int64
  /// The length of the sliding window, at least one microsecond.
  public let window: Duration

  /// A negative `maxRequests` grants nothing; a `window` below a microsecond is one microsecond, because the clock the
  /// window is charged on has no finer grain.
  public init(maxRequests: Int64, window: Duration) {
    self.maxRequests = max(0, maxRequests)
    self.window = .microseconds(min(max(1, window.microseconds), Self.longest))
  }

  /// Grants everything, and can be blocked: of a limit whose amount nobody here knows.
  public static let open = RateWindow(maxRequests: .max, window: .microseconds(1))
  public var isOpen: Bool { maxRequests == .max }

  /// A thousand years: sums of two clock readings and a window cannot overflow.
  private static let longest: Int64 = 31_557_600_000_000_000

  /// The window in microseconds.
  var width: Int64 { window.microseconds }
  /// Hits closer together than this, in microseconds, share an entry of the log, which is what bounds it; a limit that is as
  /// small bounds it itself.
  public var grain: Int64 { maxRequests <= Self.grains ? 1 : max(1, width / Self.grains) }
  /// How long after it was sent a request is taken to be with whoever counts it, too, in microseconds.
  public var travel: Int64 { max(1, width / Self.grains) }

  private static let grains: Int64 = 256
}
