public import AstroCore
public import AstroHTTP

/// What an answer's header says of the provider's limits, in every form that is in use.
public struct LimitHeaders {
  let headers: HTTPFields
  /// For times that are given as such.
  let now: Timestamp

  public init(_ headers: HTTPFields, now: Timestamp) {
    self.headers = headers
    self.now = now
  }

  /// `nil` when it says nothing.
  public var notice: ProviderNotice? {
    let notice = ProviderNotice(
      wait: wait.map(Self.bounded), requests: allowance(of: "requests"), tokens: allowance(of: "tokens"))
    return notice == ProviderNotice() ? nil : notice
  }

  /// What a refusal says, with the reset of what is used up where it names no wait.
  public var refusal: ProviderNotice {
    var notice = notice ?? ProviderNotice()
    let used = [notice.requests, notice.tokens].compactMap { $0 }.filter { ($0.remaining ?? 0) == 0 }
    notice.wait = (notice.wait ?? resetAt ?? used.compactMap(\.reset).max()).map(Self.bounded)
    return notice
  }

  private static func bounded(_ wait: Duration) -> Duration { min(wait, ProviderNotice.longestWait) }

  /// How long the provider asks to wait.
  private var wait: Duration? {
    if let text = headers["retry-after-ms"], let wait = Self.seconds(text).map({ $0 / 1000 }) {
      return Notation.duration(seconds: wait)
    }
    // Proxies pass on under the second name what the provider behind them said; their own word binds.
    for name in ["retry-after", "llm_provider-retry-after"] {
      guard let text = headers[name] else { continue }
      if let wait = Self.seconds(text) { return Notation.duration(seconds: wait) }
      if let time = HTTPDate.parse(text) { return max(.zero, time - now) }
    }
    return nil
  }

  /// LiteLLM's, `2026-11-23 10:00:00 UTC` or a Unix time.
  private var resetAt: Duration? { headers["reset_at"].flatMap(moment) }

  private func allowance(of unit: String) -> ProviderNotice.Allowance? {
    let names = [
      ("x-ratelimit-limit-\(unit)", "x-ratelimit-remaining-\(unit)", "x-ratelimit-reset-\(unit)"),
      (
        "x-ratelimit-api_key-limit-\(unit)", "x-ratelimit-api_key-remaining-\(unit)",
        "x-ratelimit-api_key-reset-\(unit)"
      ),
      (
        "anthropic-ratelimit-\(unit)-limit", "anthropic-ratelimit-\(unit)-remaining",
        "anthropic-ratelimit-\(unit)-reset"
      ),
    ]
    let kinds = unit == "tokens" ? ["input-tokens", "output-tokens"] : []
    let parts = kinds.map { kind in
      (
        "anthropic-ratelimit-\(kind)-limit", "anthropic-ratelimit-\(kind)-remaining",
        "anthropic-ratelimit-\(kind)-reset"
      )
    }
    // Of several, the one that binds: the least that remains.
    return (names + parts).compactMap { allowance($0.0, $0.1, $0.2) }
      .min { ($0.remaining ?? .max) < ($1.remaining ?? .max) }
  }

  private func allowance(_ limit: String, _ remaining: String, _ reset: String) -> ProviderNotice.Allowance? {
    let allowance = ProviderNotice.Allowance(
      limit: count(limit), remaining: count(remaining), reset: headers[reset].flatMap(moment).map(Self.bounded))
    return allowance == ProviderNotice.Allowance() ? nil : allowance
  }

  /// Azure writes -1 for what it does not know.
  private func count(_ name: String) -> Int64? {
    headers[name].flatMap { Int64(Self.trimmed($0)) }.flatMap { $0 < 0 ? nil : $0 }
  }

  /// A time from now: Go's durations, plain seconds, a Unix time, or a time as RFC 3339 or LiteLLM write it.
  private func moment(_ text: String) -> Duration? {
    let text = Self.trimmed(text)
    if let number = Self.seconds(text) {
      // Past a billion, seconds are no wait but the time since 1970; past a thousand billion they are milliseconds.
      guard number >= 1e9 else { return Notation.duration(seconds: number) }
      let seconds = number >= 1e12 ? number / 1000 : number
      return max(.zero, Timestamp(microseconds: Int64(min(seconds, 1e12) * 1_000_000)) - now)
    }
    if let time = Self.time(text) { return max(.zero, time - now) }
    return GoDuration.parse(text)
  }

  private static func time(_ text: String) -> Timestamp? {
    if let time = Timestamp(rfc3339: text) { return time }
    let words = text.split(separator: " ")
    guard words.count == 3, words[2] == "UTC" else { return nil }
    return Timestamp(rfc3339: "\(words[0])T\(words[1])Z")
  }

  /// A number that can be a wait.
  private static func seconds(_ text: String) -> Double? {
    Double(trimmed(text)).flatMap { $0.isFinite && $0 >= 0 ? $0 : nil }
  }

  private static func trimmed(_ text: String) -> String {
    String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }
}

/// Durations as Go prints them (`time.Duration.String`): `6m0s`, `9.865s`, `120ms`, `1h2m3.5s`.
enum GoDuration {
  private static let units: [(name: String, seconds: Double)] = [
    ("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("μs", 1e-6), ("ms", 1e-3), ("h", 3600), ("m", 60), ("s", 1),
  ]

  /// `nil` when the text is anything else, and when it is negative.
  static func parse(_ text: String) -> Duration? {
    var rest = Substring(text)
    var seconds = 0.0
    repeat {
      let digits = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
      guard let number = Double(digits) else { return nil }
      rest = rest.dropFirst(digits.count)
      guard let unit = units.first(where: { rest.hasPrefix($0.name) }) else { return nil }
      rest = rest.dropFirst(unit.name.count)
      seconds += number * unit.seconds
    } while !rest.isEmpty
    return Notation.duration(seconds: seconds)
  }
}
