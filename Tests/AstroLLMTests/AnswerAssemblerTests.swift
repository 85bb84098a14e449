import AstroCore
import AstroLLM
import AstroTestKit
import Foundation
import Testing

@Suite struct AnswerAssemblerTests {
  struct Recording: Sendable, CustomTestStringConvertible {
    var file: String
    var dialect: Dialect
    var answer: Answer
    var testDescription: String { file }
  }

  private static let time = ToolCall(id: "call_1", name: "get_current_time", arguments: #"{"timezone":"UTC"}"#)
  private static let greeting = AssistantMessage(text: "Grüße 😀 hello there")

  private static func json(_ text: String) -> JSONValue { (try? JSONReader.parse(text)) ?? .null }

  private static let recordings: [Recording] = [
    Recording(
      file: "litellm-chat-text.sse", dialect: .openAIChat,
      answer: Answer(message: greeting, usage: TokenUsage(input: 17, output: 5), model: "scripted-echo")),
    Recording(
      file: "litellm-chat-tool.sse", dialect: .openAIChat,
      answer: Answer(
        message: AssistantMessage(toolCalls: [time]), finish: .toolCalls, usage: TokenUsage(input: 9, output: 11),
        model: "scripted-once")),
    Recording(
      file: "litellm-messages-text.sse", dialect: .anthropicMessages,
      answer: Answer(message: greeting, usage: TokenUsage(input: 17, output: 5), model: "scripted-echo")),
    Recording(
      file: "litellm-messages-tool.sse", dialect: .anthropicMessages,
      answer: Answer(
        message: AssistantMessage(toolCalls: [time]), finish: .toolCalls, usage: TokenUsage(input: 8, output: 11),
        model: "scripted-once")),
    Recording(
      file: "litellm-messages-unstreamed.json", dialect: .anthropicMessages,
      answer: Answer(
        message: AssistantMessage(text: "Hello from the mock Claude."), usage: TokenUsage(input: 2095, output: 503),
        model: "mock-claude")),
    Recording(
      file: "litellm-responses-text.sse", dialect: .openAIResponses,
      answer: Answer(message: greeting, usage: TokenUsage(input: 17, output: 5), model: "echo")),
    Recording(
      file: "litellm-responses-tool.sse", dialect: .openAIResponses,
      answer: Answer(
        message: AssistantMessage(toolCalls: [time]), finish: .toolCalls, usage: TokenUsage(input: 8, output: 11),
        model: "once")),
    Recording(
      file: "openai-chat.sse", dialect: .openAIChat,
      answer: Answer(
        message: AssistantMessage(
          text: "Grüße",
          toolCalls: [
            ToolCall(id: "call_a", name: "now", arguments: "{}"),
            ToolCall(id: "call_b", name: "search", arguments: #"{"q":"über"}"#),
          ]), finish: .toolCalls,
        usage: TokenUsage(input: 76, cacheRead: 1024, cacheWrite: 100, output: 40, reasoning: 16),
        model: "gpt-4o-mini-2024-07-18", serviceTier: "default")),
    Recording(
      file: "openai-responses.sse", dialect: .openAIResponses,
      answer: Answer(
        message: AssistantMessage(
          text: "Grüße 😀", toolCalls: [ToolCall(id: "call_a", name: "now", arguments: #"{"zone":"UTC"}"#)],
          native: NativeContent(
            dialect: .openAIResponses,
            items: [
              json(#"{"id":"rs_1","type":"reasoning","summary":[],"encrypted_content":"gAAA"}"#),
              json(
                #"{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Grüße 😀","annotations":[]}]}"#
              ),
              json(
                #"{"id":"fc_1","type":"function_call","status":"completed","arguments":"{\"zone\":\"UTC\"}","call_id":"call_a","name":"now"}"#
              ),
            ])), finish: .toolCalls, usage: TokenUsage(input: 176, cacheRead: 1024, output: 40, reasoning: 16),
        model: "gpt-4o-mini-2024-07-18", serviceTier: "flex")),
    Recording(
      file: "anthropic-messages.sse", dialect: .anthropicMessages,
      answer: Answer(
        message: AssistantMessage(
          text: "Grüße 😀", toolCalls: [ToolCall(id: "toolu_1", name: "now", arguments: #"{"zone":"UTC"}"#)],
          native: NativeContent(
            dialect: .anthropicMessages,
            items: [
              json(#"{"type":"thinking","thinking":"The user greets.","signature":"c2ln"}"#),
              json(#"{"type":"text","text":"Grüße 😀"}"#),
              json(#"{"type":"tool_use","id":"toolu_1","name":"now","input":{"zone":"UTC"}}"#),
            ])), finish: .toolCalls,
        usage: TokenUsage(
          input: 25, cacheRead: 4000, cacheWrite: 100, cacheWriteHour: 200, output: 89, reasoning: 20),
        model: "claude-sonnet-4-5-20250929", serviceTier: "standard")),
  ]

  private func assembled(_ parts: [[UInt8]], _ dialect: Dialect) -> AssembledAnswer {
    var assembler = AnswerAssembler(dialect: dialect)
    for part in parts { assembler.read(part) }
    return assembler.finish()
  }

  private func assembled(_ text: String, _ dialect: Dialect) -> AssembledAnswer {
    assembled([Array(text.utf8)], dialect)
  }

  // MARK: Recorded answers

  @Test(arguments: recordings)
  func everySplitGivesTheSameAnswer(recording: Recording) throws {
    let bytes = try Fixtures.bytes(recording.file)
    for split in 0...bytes.count {
      let parts = [Array(bytes[..<split]), Array(bytes[split...])]
      #expect(assembled(parts, recording.dialect) == .whole(recording.answer), "split at \(split)")
    }
    #expect(assembled(bytes.map { [$0] }, recording.dialect) == .whole(recording.answer))
  }

  @Test(arguments: recordings)
  func soDoManySplitsAtOnce(recording: Recording) throws {
    let bytes = try Fixtures.bytes(recording.file)
    for seed in 0..<50 as Range<UInt64> {
      var random = SplitMix64(seed: seed)
      var parts: [[UInt8]] = []
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = min(rest.count, Int.random(in: 0...200, using: &random))
        parts.append(Array(rest.prefix(count)))
        rest = rest.dropFirst(count)
      }
      #expect(assembled(parts, recording.dialect) == .whole(recording.answer), "seed \(seed)")
    }
  }

  /// A cut stream is either whole, because only what does not matter is missing, or broken; never another answer, and never
  /// with half of a call.
  @Test(arguments: recordings)
  func aStreamThatBreaksOffAnywhereIsNeverMistakenForAnother(recording: Recording) throws {
    let bytes = try Fixtures.bytes(recording.file)
    for end in 0..<bytes.count {
      switch assembled([Array(bytes[..<end])], recording.dialect) {
      case .whole(let answer):
        #expect(answer.message == recording.answer.message && answer.finish == recording.answer.finish, "cut at \(end)")
      case .broken(let partial, _):
        #expect(recording.answer.text.hasPrefix(partial.text) && partial.message.toolCalls.isEmpty, "cut at \(end)")
      case .failed(let error, _): Issue.record("cut at \(end): \(error)")
      }
    }
  }

  @Test func whatHadComeOfABrokenAnswerIsKept() throws {
    let bytes = try Fixtures.bytes("litellm-chat-text.sse")
    let end = try #require(String(decoding: bytes, as: UTF8.self).range(of: #"{"content":"ere"}"#)?.lowerBound)
    let half = String(decoding: bytes, as: UTF8.self)[..<end]
    #expect(
      assembled(String(half), .openAIChat)
        == .broken(
          Answer(
            message: AssistantMessage(text: "Grüße 😀 hello th"), finish: .other("broken_off"), model: "scripted-echo"),
          "it broke off"))
  }

  // MARK: What servers do differently

  private func chat(_ chunks: String...) -> String { chunks.map { "data: \($0)\n\n" }.joined() }

  @Test func withoutDoneAndUsageAnAnswerIsWholeAllTheSame() {
    let stream = chat(
      #"{"choices":[{"delta":{"content":"a"}}]}"#, #"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#)
    #expect(assembled(stream, .openAIChat) == .whole(Answer(message: AssistantMessage(text: "a"))))
  }

  @Test func doneEndsAnAnswerThatDoesNotSayWhy() {
    let stream = chat(#"{"choices":[{"delta":{"content":"a"}}]}"#, "[DONE]")
    #expect(assembled(stream, .openAIChat) == .whole(Answer(message: AssistantMessage(text: "a"))))
  }

  @Test func callsAllNumberedZeroAreToldApartByTheirIds() {
    let stream = chat(
      #"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"x","arguments":"{}"}}]}}]}"#,
      #"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"b","function":{"name":"y","arguments":"{}"}}]}}]}"#,
      #"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#)
    let calls = [ToolCall(id: "a", name: "x", arguments: "{}"), ToolCall(id: "b", name: "y", arguments: "{}")]
    #expect(assembled(stream, .openAIChat).answer.message.toolCalls == calls)
  }

  @Test func callsWithoutNumberOrIdGetTheirs() {
    let stream = chat(
      #"{"choices":[{"delta":{"tool_calls":[{"function":{"name":"x","arguments":{"a":1}}}]},"finish_reason":"stop"}]}"#)
    #expect(
      assembled(stream, .openAIChat)
        == .whole(
          Answer(
            message: AssistantMessage(toolCalls: [ToolCall(id: "call_1", name: "x", arguments: #"{"a":1}"#)]),
            finish: .toolCalls)))
  }

  @Test func thinkingThatIsCountedBesideTheAnswerIsCountedIn() {
    let usage =
      #"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":45,"completion_tokens_details":{"reasoning_tokens":30}}"#
    let stream = chat(#"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}],"usage":\#(usage)}"#)
    #expect(assembled(stream, .openAIChat).answer.usage == TokenUsage(input: 10, output: 35, reasoning: 30))
  }

  @Test func moreCachedThanThereWasIsNoNegativeCount() {
    let usage = #"{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":30}}"#
    let stream = chat(#"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}],"usage":\#(usage)}"#)
    #expect(assembled(stream, .openAIChat).answer.usage == TokenUsage(cacheRead: 10, output: 5))
  }

  @Test(arguments: [
    ("stop", FinishReason.stop), ("length", .length), ("content_filter", .refused(nil)), ("weird", .other("weird")),
  ])
  func reasonsOfChatCompletions(word: String, finish: FinishReason) {
    let stream = chat(#"{"choices":[{"delta":{"content":"a"},"finish_reason":"\#(word)"}]}"#)
    #expect(assembled(stream, .openAIChat).answer.finish == finish)
  }

  @Test(arguments: [
    ("end_turn", FinishReason.stop), ("stop_sequence", .stop), ("max_tokens", .length), ("refusal", .refused(nil)),
    ("pause_turn", .paused), ("model_context_window_exceeded", .contextFull), ("weird", .other("weird")),
  ])
  func reasonsOfMessages(word: String, finish: FinishReason) {
    let document = #"{"type":"message","content":[{"type":"text","text":"a"}],"stop_reason":"\#(word)"}"#
    #expect(assembled(document, .anthropicMessages).answer.finish == finish)
  }

  @Test(arguments: [
    ("max_output_tokens", FinishReason.length), ("content_filter", .refused(nil)), ("weird", .other("weird")),
  ])
  func reasonsOfResponses(word: String, finish: FinishReason) {
    let document = #"{"status":"incomplete","incomplete_details":{"reason":"\#(word)"},"output":[]}"#
    #expect(assembled(document, .openAIResponses).answer.finish == finish)
  }

  @Test func aRefusalHasItsWords() {
    let stream = chat(
      #"{"choices":[{"delta":{"refusal":"I can"}}]}"#,
      #"{"choices":[{"delta":{"refusal":"not."},"finish_reason":"stop"}]}"#)
    #expect(assembled(stream, .openAIChat).answer.finish == .refused("I cannot."))
    let document =
      #"{"status":"completed","output":[{"type":"message","content":[{"type":"refusal","refusal":"No."}]}]}"#
    #expect(assembled(document, .openAIResponses).answer.finish == .refused("No."))
  }

  @Test func aDocumentIsReadWhereAStreamWasAskedFor() {
    let document = """
      \n {"model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"hello"}}],
      "usage":{"prompt_tokens":3,"completion_tokens":2}}
      """
    #expect(
      assembled(document, .openAIChat)
        == .whole(Answer(message: AssistantMessage(text: "hello"), usage: TokenUsage(input: 3, output: 2), model: "m")))
  }

  // MARK: What is no answer

  @Test(arguments: [
    ("", "it is empty"), ("  \r\n", "it is empty"),
    ("<html><body>Sign in</body></html>", "it is no stream of a model's answer"),
    ("data: {\"choices\":\n\n", "an event in it is malformed: JSON ends too early"),
    ("data: \u{1}\n\n", "an event in it is malformed: JSON has an unexpected byte 1 at offset 0"),
    ("{\"choices\":[", "it is malformed: JSON ends too early"), ("[]", "it holds no answer of a model"),
    ("{}", "it holds no answer of a model"),
  ])
  func theReasonIsTold(body: String, why: String) {
    guard case .broken(_, let reason) = assembled(body, .openAIChat) else {
      Issue.record("not broken")
      return
    }
    #expect(reason == why)
  }

  @Test func bytesThatAreNoTextAreNoAnswer() {
    guard case .broken(_, let reason) = assembled([Array("data: \"".utf8) + [0xFF, 0x22, 0x0A, 0x0A]], .openAIChat)
    else {
      Issue.record("not broken")
      return
    }
    #expect(reason == "an event in it is malformed: JSON string is not UTF-8")
  }

  @Test(arguments: Dialect.allCases)
  func aBodyWithoutEndIsGivenUp(dialect: Dialect) {
    for start in ["{\"a\":\"", ": ping\n\n"] {
      var assembler = AnswerAssembler(dialect: dialect, longest: 64 << 10)
      assembler.read(Array(start.utf8))
      let piece = Array((":" + String(repeating: "x", count: 1022) + "\n").utf8)
      var pieces = 0
      while !assembler.isSpoiled, pieces < 100 {
        assembler.read(piece)
        pieces += 1
      }
      #expect(pieces == 64)
      guard case .broken(_, let reason) = assembler.finish() else {
        Issue.record("not broken")
        return
      }
      #expect(reason == "it is longer than 64KiB")
    }
  }

  @Test(arguments: Dialect.allCases)
  func anErrorInTheBodyIsOne(dialect: Dialect) {
    let body = #"{"error":{"message":"m","type":"server_error","code":null}}"#
    #expect(
      assembled(body, dialect)
        == .failed(ProviderError(type: "server_error", message: "m"), Answer(finish: .other("broken_off"))))
  }

  @Test func anErrorAfterHalfAnAnswerKeepsTheHalf() {
    let stream = chat(#"{"choices":[{"delta":{"content":"half"}}]}"#, #"{"error":{"message":"m","code":500}}"#)
    #expect(
      assembled(stream, .openAIChat)
        == .failed(
          ProviderError(code: "500", message: "m"),
          Answer(message: AssistantMessage(text: "half"), finish: .other("broken_off"))))
  }

  @Test func aFailedResponseIsAnError() {
    let stream =
      #"data: {"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"m"},"output":[]}}"#
    #expect(
      assembled(stream + "\n\n", .openAIResponses)
        == .failed(ProviderError(code: "server_error", message: "m"), Answer(finish: .other("broken_off"))))
  }
}
