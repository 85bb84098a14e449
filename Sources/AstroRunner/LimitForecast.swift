import AstroConfiguration
import AstroCore
import AstroJournal
import AstroLimits

/// When a limit will let those through who wait for it, one after another, if nobody comes between.
struct LimitForecast {
  private let window: RateWindow?
  private var log: SlidingLog
  /// Boot time.
  private var time: Int64
  private let now: Moment

  /// - Parameter reading: `nil` in a home where nothing ever ran.
  init(
    _ limiter: String, of key: String, _ configuration: Configuration, _ reading: Reading?, bootID: String,
    at now: Moment
  ) throws(Failure) {
    self.now = now
    time = now.boot
    window =
      switch configuration.system.limits[limiter] {
      case .window(let window): window
      case .unlimited, nil: nil
      }
    log = try reading?.limitState(limiter, key: key)?.log(on: bootID, at: now) ?? SlidingLog()
  }

  /// `20 in 1m`; `nil` for a limit that is switched off.
  var grants: String? { window.map { "\($0.maxRequests) in \(Notation.spell($0.window))" } }

  /// When the next one is let through; `nil` is now.
  mutating func next() -> Timestamp? {
    guard let window else { return nil }
    if case .notBefore(let opens) = log.consume(1, at: time, in: window).decision {
      time = opens
      _ = log.consume(1, at: time, in: window)
    }
    return time > now.boot ? now.wall + .microseconds(time - now.boot) : nil
  }
}
