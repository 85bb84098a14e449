/// The tokens of one or more calls to a model, each counted in exactly one of these but ``reasoning``.
public struct TokenUsage: Sendable, Hashable {
  /// Of the prompt, neither read from a cache nor written to one.
  public var input: Int64
  public var cacheRead: Int64
  /// Written to a cache that lasts minutes.
  public var cacheWrite: Int64
  /// Written to a cache that lasts an hour.
  public var cacheWriteHour: Int64
  /// Of the answer, with ``reasoning``.
  public var output: Int64
  /// The part of ``output`` that was thought and not said.
  public var reasoning: Int64

  public init(
    input: Int64 = 0, cacheRead: Int64 = 0, cacheWrite: Int64 = 0, cacheWriteHour: Int64 = 0, output: Int64 = 0,
    reasoning: Int64 = 0
  ) {
    self.input = input
    self.cacheRead = cacheRead
    self.cacheWrite = cacheWrite
    self.cacheWriteHour = cacheWriteHour
    self.output = output
    self.reasoning = reasoning
  }

  /// More than any call takes. What others count is cut to it, so that sums stay sums whatever they say.
  public static let most: Int64 = 1 << 32

  /// A count that somebody else made.
  public static func bounded(_ count: Int64) -> Int64 { min(max(0, count), most) }

  /// The whole prompt.
  public var prompt: Int64 { input + cacheRead + cacheWrite + cacheWriteHour }
  public var total: Int64 { prompt + output }

  public static func + (a: TokenUsage, b: TokenUsage) -> TokenUsage {
    TokenUsage(
      input: a.input + b.input, cacheRead: a.cacheRead + b.cacheRead, cacheWrite: a.cacheWrite + b.cacheWrite,
      cacheWriteHour: a.cacheWriteHour + b.cacheWriteHour, output: a.output + b.output,
      reasoning: a.reasoning + b.reasoning)
  }
}
