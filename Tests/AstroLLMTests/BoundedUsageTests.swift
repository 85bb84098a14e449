import AstroCore
import Testing

@testable import AstroLLM

/// Counts of tokens come from elsewhere, and are summed and multiplied here.
@Suite struct BoundedUsageTests {
  @Test(arguments: [
    #"{"prompt_tokens":9223372036854775807,"completion_tokens":9223372036854775807,"#
      + #""completion_tokens_details":{"reasoning_tokens":9223372036854775807}}"#,
    #"{"prompt_tokens":1e300,"completion_tokens":9.2e18}"#,
    #"{"prompt_tokens":-9223372036854775808,"completion_tokens":-1}"#,
  ])
  func whateverAServerCountsSumsStaySums(_ text: String) throws {
    let usage = try #require(TokenUsage(chat: try JSONReader.parse(Array(text.utf8))))
    let sum = (0..<1000).reduce(TokenUsage()) { sum, _ in sum + usage }
    #expect(sum.total >= 0 && sum.total <= 3000 * TokenUsage.most && usage.reasoning <= usage.output)
  }

  @Test func aCountIsCutToWhatACallMayTake() {
    #expect([Int64.min, -1, 0, 7, .max].map(TokenUsage.bounded) == [0, 0, 0, 7, 1 << 32])
  }
}
