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
  }
}
