import AstroCore
import AstroTestKit
import Testing

@testable import AstroLLM

@Suite struct TokenTests {
  private func request(_ messages: [Message], tools: [ToolDescription] = []) -> ModelRequest {
    ModelRequest(model: "m", conversation: Conversation(messages: messages), maxOutputTokens: 100, tools: tools)
  }

  @Test func aPromptIsAtMostItsBytesAndTheMarksAroundItsMessages() {
    let estimator = TokenEstimator(dialect: .openAIChat)
    #expect(estimator.bound(of: request([.user("grüß")])) == 6 + 2 * 16)
    let tool = ToolDescription(name: "now", description: "The time.", parameters: .map([:]))
    #expect(estimator.bound(of: request([.user("hi")], tools: [tool])) == 2 + 2 * 16 + 600 + 3 + 9 + 2)
  }

  @Test func picturesCountApart() throws {
    let image = try #require(ImageContent([0xFF, 0xD8, 0xFF]))
    let call = request([.user([.image(image), .image(image)])])
    #expect(TokenEstimator(dialect: .anthropicMessages).bound(of: call) == 2 * 16 + 10_000)
    #expect(TokenEstimator(dialect: .openAIChat).bound(of: call) == 2 * 16 + 32_768)
  }

  @Test func allThatIsSentIsCounted() {
    let call = ToolCall(id: "c", name: "now", arguments: "{}")
    let messages: [Message] = [
      .user([.file(name: "a", text: "b")]), .assistant(AssistantMessage(text: "x", toolCalls: [call])),
      .results([ToolResult(id: "c", text: "late")]),
    ]
    let text = TokenEstimator(dialect: .openAIChat).textBytes(of: request(messages))
    // The file with its name; the text, and the call's id, name and arguments; the result's id and text.
    let parts = [9, 1 + 1 + 3 + 2, 1 + 4 + 8]
    #expect(text == Int64(parts.reduce(0, +)))
  }

  @Test func aCeilingIsTheBoundAndTheLongestAnswer() {
    let target = CallTarget(
      model: "m", price: ModelPrice(model: "m", input: 2, output: 3), estimator: TokenEstimator(dialect: .openAIChat))
    let ceiling = target.ceiling(of: request([.user("hi")]))
    #expect(ceiling.tokens == 34 + 100)
    #expect(ceiling.cost == Money(picodollars: 34 * 2 + 100 * 3))
    #expect(ceiling.expectedTokens == 1 + 100)
  }

  @Test func untilThereIsExperienceTheMostIsExpectedOfAnAnswer() {
    var experience = TokenExperience()
    #expect(experience.promptTokens(textBytes: 3500) == 1000)
    for _ in 0..<17 { experience.learn(textBytes: 10, usage: TokenUsage(input: 5, output: 7)) }
    #expect(experience.outputTokens(limit: 500) == 500)
    for _ in 0..<10 { experience.learn(textBytes: 10, usage: TokenUsage(input: 5, output: 7)) }
    #expect(experience.outputTokens(limit: 500) == 7)
    #expect(experience.outputTokens(limit: 3) == 3)
  }

  @Test func nineteenOfTwentyAnswersStayWithinWhatIsExpected() {
    var random = SplitMix64(seed: 7)
    var experience = TokenExperience()
    var within = 0
    for call in 0..<5000 {
      // Heavy-tailed, as answers are.
      let output = Int64(20 / Double.random(in: 0.01..<1, using: &random))
      let expected = experience.outputTokens(limit: 100_000)
      if call >= 1000, output <= expected { within += 1 }
      experience.learn(textBytes: 4000, usage: TokenUsage(input: 1000, output: output))
    }
    #expect((3700...4000).contains(within))
    #expect((990...1010).contains(experience.promptTokens(textBytes: 4000)))
    // The 95th percentile is 400; of the last few hundred answers it scatters around that.
    #expect((250...600).contains(experience.outputTokens(limit: 100_000)))
  }

  @Test func experienceOutlivesTheProcess() throws {
    var experience = TokenExperience()
    for output in [3, 900, 70_000] as [Int64] {
      experience.learn(textBytes: 100, usage: TokenUsage(input: 9, output: output))
    }
    let kept = try JSONReader.parse(experience.kept.json)
    #expect(TokenExperience(kept: kept) == experience)
    #expect(TokenExperience(kept: .map(["bytes": .integer(0)])) == nil)
  }
}
