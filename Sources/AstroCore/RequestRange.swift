/// What the numbers of a request may be: the same where a workflow is checked, where agents are configured, where a task is
/// performed, and in the schema that `astro schema` prints.
public enum RequestRange {
  /// Calls to the model, those that ask again included.
  public static let turns = 1...100_000
  public static let toolCalls = 0...1_000_000
  /// Of an answer, in tokens.
  public static let outputTokens = 1...100_000_000
  /// How often an answer that is not valid is asked for again.
  public static let reasks = 0...100
  public static let temperature = 0.0...2.0
  public static let topP = 0.0...1.0
  public static let topK = 1...1_000_000
  /// How many are followed.
  public static let redirects = 0...20
  /// Of an answer over HTTP, in bytes.
  public static let answerBytes: ClosedRange<Int64> = 1...1 << 40
}
