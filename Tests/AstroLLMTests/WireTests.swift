import AstroCore
import AstroHTTP
import AstroLLM
import Foundation
import Testing

/// Writes calls of every kind where `Tests/RealComponentTests/llm.sh` wants them, which has the providers' own packages
/// check them.
@Suite struct WireTests {
  private static let directory = ProcessInfo.processInfo.environment["ASTRO_WIRE_DIRECTORY"]

  @Test(.enabled(if: directory != nil))
  func callsOfEveryKindAreWritten() throws {
    let directory = try #require(Self.directory)
    for (dialect, version) in [
      (.openAIChat, .first), (.openAIResponses, .first), (.anthropicMessages, .first), (.anthropicMessages, .second),
    ] as [(Dialect, AnthropicVersion)] {
      for (name, call) in Self.calls {
        let encoder = DialectEncoder(dialect: dialect, baseURL: "https://api.openai.com/v1", version: version)
        let path = "\(directory)/\(dialect.rawValue).\(version.rawValue).\(name).json"
        try Data(encoder.encode(call, key: "k").request.body).write(to: URL(fileURLWithPath: path))
      }
    }
  }

  private static let calls: [(String, ModelRequest)] = {
    let plain = ModelRequest(model: "m", conversation: Conversation(messages: [.user("hi")]), maxOutputTokens: 9)
    var sampled = plain
    sampled.sampling = Sampling(temperature: 0.5, topP: 0.9, topK: 40, seed: 7, stop: ["END"])
    var schema = plain
    schema.conversation.system = "s"
    schema.answerSchema = AnswerSchema(schema: .map(["type": .string("object")]))
    var shown = plain
    if let image = ImageContent([0xFF, 0xD8, 0xFF]) {
      shown.conversation.messages = [.user([.text("t"), .image(image), .file(name: "f", text: "x")])]
    }
    var tools = plain
    tools.tools = [ToolDescription(name: "now", description: "d")]
    tools.conversation.messages += [
      .assistant(AssistantMessage(text: "t", toolCalls: [ToolCall(id: "c", name: "now", arguments: "{}")])),
      .results([ToolResult(id: "c", text: "12"), ToolResult(id: "d", text: "no", isError: true)]), .user("and?"),
    ]
    let choices = [("auto", ToolChoice.auto), ("none", .none), ("required", .required), ("named", .tool("now"))]
    return [("plain", plain), ("sampled", sampled), ("schema", schema), ("shown", shown)]
      + choices.map { name, choice in
        var call = tools
        call.toolChoice = choice
        return ("tools-\(name)", call)
      }
  }()
}
