import AstroCore
import AstroHTTP
import Testing

@testable import AstroLLM

@Suite struct DialectEncoderTests {
  private static let png = ImageContent([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])!

  /// All there is in one call.
  private var rich: ModelRequest {
    let call = ToolCall(id: "c1", name: "now", arguments: #"{"zone":"UTC"}"#)
    return ModelRequest(
      model: "m",
      conversation: Conversation(
        system: "Be brief.",
        messages: [
          .user([.file(name: "a.txt", text: "one"), .image(Self.png), .text("What time?")]),
          .assistant(AssistantMessage(toolCalls: [call])),
          .results([ToolResult(id: "c1", text: "no clock", isError: true)]), .user("Then guess."),
        ]), maxOutputTokens: 500,
      sampling: Sampling(temperature: 0.5, topP: 0.9, topK: 40, seed: 7, stop: ["END"]),
      tools: [ToolDescription(name: "now", description: "The time.")], toolChoice: .required,
      answerSchema: AnswerSchema(
        schema: .map([
          "type": .string("object"), "required": .list([.string("t")]), "additionalProperties": .bool(false),
          "properties": .map(["t": .map(["type": .string("string")])]),
        ])))
  }

  private func encode(
    _ dialect: Dialect, _ url: String, version: AnthropicVersion = .second, _ call: ModelRequest
  ) -> (body: String, request: HTTPRequest, notes: [String]) {
    let encoded = DialectEncoder(dialect: dialect, baseURL: url, version: version).encode(call, key: "k")
    return (String(decoding: encoded.request.body, as: UTF8.self), encoded.request, encoded.notes)
  }

  private func lines(_ request: HTTPRequest) -> [String] {
    ["\(request.method) \(request.url)"] + request.headers.map { "\($0.name): \($0.value)" }
  }

  private static let schema =
    #"{"additionalProperties":false,"properties":{"t":{"type":"string"}},"required":["t"],"type":"object"}"#

  @Test func chatCompletions() {
    let encoded = encode(.openAIChat, "http://127.0.0.1:4000/v1/", rich)
    #expect(
      encoded.body == """
        {"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":[\
        {"type":"text","text":"File a.txt:\\none"},\
        {"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}},\
        {"type":"text","text":"What time?"}]},\
        {"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function",\
        "function":{"name":"now","arguments":"{\\"zone\\":\\"UTC\\"}"}}]},\
        {"role":"tool","tool_call_id":"c1","content":"Error: no clock"},{"role":"user","content":"Then guess."}],\
        "stream":true,"stream_options":{"include_usage":true},"max_tokens":500,"temperature":0.5,"top_p":0.9,"top_k":40,\
        "seed":7,"stop":["END"],"response_format":{"type":"json_schema","json_schema":{"name":"answer",\
        "schema":\(Self.schema),"strict":true}},"tools":[{"type":"function","function":{"name":"now",\
        "description":"The time.","parameters":{"type":"object"}}}],"tool_choice":"required"}
        """)
    #expect(
      lines(encoded.request) == [
        "POST http://127.0.0.1:4000/v1/chat/completions", "content-type: application/json",
        "accept: text/event-stream", "authorization: Bearer k",
      ])
    #expect(encoded.notes.isEmpty)
  }

  @Test func openAIItselfTakesTheNewNameOfTheCeilingAndNoTopK() {
    let encoded = encode(.openAIChat, "https://api.openai.com/v1", rich)
    #expect(encoded.body.contains(#""max_completion_tokens":500,"#))
    #expect(!encoded.body.contains("top_k"))
    #expect(encoded.notes == ["top_k is not sent: OpenAI does not take it"])
  }

  @Test func responses() {
    let encoded = encode(.openAIResponses, "https://api.openai.com/v1", rich)
    #expect(
      encoded.body == """
        {"model":"m","instructions":"Be brief.","input":[{"role":"user","content":[\
        {"type":"input_text","text":"File a.txt:\\none"},\
        {"type":"input_image","detail":"auto","image_url":"data:image/png;base64,iVBORw0KGgo="},\
        {"type":"input_text","text":"What time?"}]},\
        {"type":"function_call","call_id":"c1","name":"now","arguments":"{\\"zone\\":\\"UTC\\"}"},\
        {"type":"function_call_output","call_id":"c1","output":"Error: no clock"},\
        {"role":"user","content":"Then guess."}],"stream":true,"store":false,"max_output_tokens":500,\
        "temperature":0.5,"top_p":0.9,"text":{"format":{"type":"json_schema","name":"answer",\
        "schema":\(Self.schema),"strict":true}},"tools":[{"type":"function","name":"now","description":"The time.",\
        "parameters":{"type":"object"},"strict":false}],"tool_choice":"required"}
        """)
    #expect(encoded.request.url == "https://api.openai.com/v1/responses")
    #expect(
      encoded.notes == ["top_k", "seed", "stop"].map { "\($0) is not sent: the Responses API does not take it" })
  }

  private static let messages = """
    [{"role":"user","content":[{"type":"text","text":"File a.txt:\\none"},\
    {"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}},\
    {"type":"text","text":"What time?"}]},\
    {"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"now","input":{"zone":"UTC"}}]},\
    {"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"no clock","is_error":true},\
    {"type":"text","text":"Then guess."}]}]
    """
  private static let tools = """
    "tools":[{"name":"now","description":"The time.","input_schema":{"type":"object"}}],"tool_choice":{"type":"any"}}
    """

  @Test func messagesOfTheFirstVersionTakeSamplingAndTheSchemaInWords() {
    let encoded = encode(.anthropicMessages, "https://api.anthropic.com", version: .first, rich)
    let words = #"Answer with one JSON value that is valid against this JSON Schema, and with nothing else:\n"#
    #expect(
      encoded.body == """
        {"model":"m","max_tokens":500,"system":"Be brief.\\n\\n\(words)\
        \(Self.schema.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\\\""))",\
        "messages":\(Self.messages),"stream":true,"temperature":0.5,"top_p":0.9,"top_k":40,"stop_sequences":["END"],\
        \(Self.tools)
        """)
    #expect(
      lines(encoded.request) == [
        "POST https://api.anthropic.com/v1/messages", "content-type: application/json", "accept: text/event-stream",
        "anthropic-version: 2023-06-01", "x-api-key: k",
      ])
    #expect(encoded.notes == ["seed is not sent: the Messages API does not take it"])
  }

  @Test func messagesOfTheSecondVersionTakeTheSchemaAndNoSampling() {
    let encoded = encode(.anthropicMessages, "https://api.anthropic.com/v1", rich)
    #expect(
      encoded.body == """
        {"model":"m","max_tokens":500,"system":"Be brief.","messages":\(Self.messages),"stream":true,\
        "stop_sequences":["END"],"output_config":{"format":{"type":"json_schema","schema":\(Self.schema)}},\(Self.tools)
        """)
    #expect(
      lines(encoded.request) == [
        "POST https://api.anthropic.com/v1/messages", "content-type: application/json", "accept: text/event-stream",
        "anthropic-version: 2026-10-21", "authorization: Bearer k",
      ])
    let reason = "version 2026-10-21 of the Messages API does not take it"
    #expect(
      encoded.notes == ["temperature", "top_p", "top_k"].map { "\($0) is not sent: \(reason)" } + [
        "seed is not sent: the Messages API does not take it"
      ])
  }

  @Test(arguments: Dialect.allCases)
  func aPlainCallIsPlain(dialect: Dialect) throws {
    let call = ModelRequest(model: "m", conversation: Conversation(messages: [.user("hi")]), maxOutputTokens: 9)
    let body = try JSONReader.parse(encode(dialect, "http://h/v1", call).body)
    let names: Set<String> =
      switch dialect {
      case .openAIChat: ["model", "messages", "stream", "stream_options", "max_tokens"]
      case .openAIResponses: ["model", "input", "stream", "store", "max_output_tokens"]
      case .anthropicMessages: ["model", "messages", "stream", "max_tokens"]
      }
    #expect(Set(try #require(body.members).keys) == names)
  }

  @Test func whatAProviderThoughtComesBackToItAsItWasAndToOthersNotAtAll() {
    let thought = JSONValue.map(["type": .string("thinking"), "thinking": .string("hm"), "signature": .string("s")])
    let text = JSONValue.map(["type": .string("text"), "text": .string("Yes.")])
    let message = AssistantMessage(
      text: "Yes.", native: NativeContent(dialect: .anthropicMessages, items: [thought, text]))
    let call = ModelRequest(
      model: "m", conversation: Conversation(messages: [.user("a"), .assistant(message), .user("b")]),
      maxOutputTokens: 9)
    #expect(
      encode(.anthropicMessages, "http://h", call).body.contains(
        #"[{"signature":"s","thinking":"hm","type":"thinking"},{"text":"Yes.","type":"text"}]"#))
    #expect(encode(.openAIChat, "http://h", call).body.contains(#"{"role":"assistant","content":"Yes."}"#))
    #expect(!encode(.openAIResponses, "http://h", call).body.contains("thinking"))
  }

  @Test func emptyTurnsAreLeftOutWhereTheyAreRefused() {
    let call = ModelRequest(
      model: "m",
      conversation: Conversation(messages: [.user("a"), .assistant(AssistantMessage()), .user(" "), .user("b")]),
      maxOutputTokens: 9)
    #expect(
      encode(.anthropicMessages, "http://h", call).body.contains(
        #""messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]"#))
  }

  @Test func aHeaderOfTheAgentReplacesOneThatIsSentAnyway() {
    let encoder = DialectEncoder(
      dialect: .openAIChat, baseURL: "http://h", headers: [("Authorization", "Basic x"), ("x-team", "data")])
    let call = ModelRequest(model: "m", conversation: Conversation(messages: [.user("a")]), maxOutputTokens: 9)
    #expect(
      lines(encoder.encode(call, key: "k").request).dropFirst(3) == ["Authorization: Basic x", "x-team: data"])
  }

  @Test func aServerWithoutAKeyIsSentNone() {
    let encoder = DialectEncoder(dialect: .openAIChat, baseURL: "http://h/v1")
    #expect(lines(encoder.listing(key: nil)) == ["GET http://h/v1/models", "accept: application/json"])
    #expect(lines(encoder.listing(key: "")) == ["GET http://h/v1/models", "accept: application/json"])
  }

  @Test func whatAServerRefusesIsChangedOnce() {
    var adaptation = Adaptation(dialect: .openAIChat, baseURL: "http://h/v1", version: .second)
    #expect(adaptation.tokenParameter == .old)
    let first = adaptation.avoid("max_tokens")
    #expect(first && adaptation.tokenParameter == .current)
    let back = adaptation.avoid("max_completion_tokens")
    #expect(!back && adaptation.tokenParameter == .current)
    let schema = adaptation.avoid("response_format.json_schema")
    #expect(schema && adaptation.schemaForm == .words)
    let unknown = adaptation.avoid("temperature")
    #expect(!unknown)
  }

  @Test(arguments: [
    ("https://api.openai.com/v1", "api.openai.com"), ("http://API.openai.com:443", "api.openai.com"),
    ("http://u:p@h.example/x", "h.example"), ("nonsense", ""), ("http:///x", ""),
  ])
  func hosts(url: String, host: String) { #expect(Adaptation.host(of: url) == host) }

  @Test(
    arguments: [
      ([], ""), ([0x66], "Zg=="), ([0x66, 0x6F], "Zm8="), ([0x66, 0x6F, 0x6F], "Zm9v"),
      ([0xFF, 0xFE, 0xFD, 0xFC], "//79/A=="),
    ] as [([UInt8], String)])
  func base64(bytes: [UInt8], text: String) {
    #expect(Base64.encode(bytes) == text)
    #expect(Base64.decode(text[...]) == bytes)
  }

  @Test(arguments: ["A", "AA=A", "A===", "Zm9v!"])
  func whatIsNoBase64(text: String) { #expect(Base64.decode(text[...]) == nil) }

  @Test func picturesAreKnownByTheirFirstBytes() {
    #expect(ImageContent([0xFF, 0xD8, 0xFF, 0xE0])?.mediaType == "image/jpeg")
    #expect(ImageContent(Array("GIF89a...".utf8))?.mediaType == "image/gif")
    #expect(ImageContent(Array("RIFF....WEBPVP8 ".utf8))?.mediaType == "image/webp")
    #expect(ImageContent(Array("<svg/>".utf8)) == nil)
    #expect(ImageContent(dataURL: "data:image/jpeg;base64,iVBORw0KGgo=") == Self.png)
    #expect(ImageContent(dataURL: "https://h/x.png") == nil)
  }
}
