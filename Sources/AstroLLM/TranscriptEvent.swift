public import AstroCore

/// One line of a step's transcript.
public enum TranscriptEvent: Sendable, Equatable {
  /// The attempt began: by which agent, and what it was told.
  case begun(agent: String, model: String, Conversation)
  /// A call is about to be sent; what of it could not be said in its provider's form, one sentence each.
  case call(turn: Int, agent: String, model: String, id: CallID, notes: [String] = [])
  /// It was answered.
  case answer(turn: Int, Answer, cost: Money?)
  /// It came to nothing; why, in one sentence, and what it took, where that is known.
  case setback(turn: Int, Setback, String, usage: TokenUsage? = nil)
  /// From here on this agent is asked.
  case fallback(agent: String, String)
  /// Of a batch: this agent is asked no more, and why.
  case forsaken(agent: String, String)
  /// A tool is about to be called.
  case toolCall(ToolCall)
  case toolResult(ToolResult)
  case ended(StepEnding)

  public enum Setback: String, Sendable, CaseIterable {
    /// By a limit of the provider's.
    case refused
    case error
  }

  /// As it stands in `transcript.jsonl`, without its newline.
  public func line(at time: Timestamp) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("at", time.rfc3339)
    write(to: &writer)
    writer.endObject()
    return writer.bytes
  }

  private func write(to writer: inout JSONWriter) {
    switch self {
    case .begun(let agent, let model, let conversation):
      writer.member("event", "begun")
      writer.member("agent_id", agent)
      writer.member("model", model)
      writer.member(ifPresent: conversation.system, "system")
      writer.member("messages", .list(conversation.messages.map(\.told)))
    case .call(let turn, let agent, let model, let id, let notes):
      writer.member("event", "call")
      writer.member("turn", turn)
      writer.member("agent_id", agent)
      writer.member("model", model)
      writer.member("call", id.number)
      if !notes.isEmpty { writer.member("notes", .list(notes.map(JSONValue.string))) }
    case .answer(let turn, let answer, let cost):
      writer.member("event", "answer")
      writer.member("turn", turn)
      writer.write(answer)
      writer.member("cost_picodollars", ifPresent: cost?.picodollars)
    case .setback(let turn, let kind, let message, let usage):
      writer.member("event", kind.rawValue)
      writer.member("turn", turn)
      writer.member("message", message)
      if let usage { writer.member("usage", usage.told) }
    case .fallback(let agent, let message): write("fallback", agent, message, to: &writer)
    case .forsaken(let agent, let message): write("forsaken", agent, message, to: &writer)
    case .toolCall(let call):
      writer.member("event", "tool_call")
      writer.write(call)
    case .toolResult(let result):
      writer.member("event", "tool_result")
      writer.member("id", result.id)
      writer.member("text", result.text)
      writer.member("is_error", result.isError)
    case .ended(let ending):
      writer.member("event", "ended")
      writer.write(ending)
    }
  }
}

extension TranscriptEvent {
  private func write(_ event: String, _ agent: String, _ message: String, to writer: inout JSONWriter) {
    writer.member("event", event)
    writer.member("agent_id", agent)
    writer.member("message", message)
  }
}

extension JSONWriter {
  fileprivate mutating func member(ifPresent text: String?, _ name: String) { member(name, ifPresent: text) }

  fileprivate mutating func write(_ answer: Answer) {
    member("model", ifPresent: answer.model)
    member("text", answer.text)
    if !answer.message.toolCalls.isEmpty {
      key("tool_calls")
      beginArray()
      for call in answer.message.toolCalls {
        beginObject()
        write(call)
        endObject()
      }
      endArray()
    }
    if let native = answer.message.native {
      member("native", .map(["dialect": .string(native.dialect.rawValue), "items": .list(native.items)]))
    }
    member("finish_reason", answer.finish.word)
    if case .refused(let words) = answer.finish { member("refusal", ifPresent: words) }
    if let usage = answer.usage { member("usage", usage.told) }
    member("service_tier", ifPresent: answer.serviceTier)
  }

  fileprivate mutating func write(_ call: ToolCall) {
    member("id", call.id)
    member("name", call.name)
    member("arguments", call.arguments)
  }

  fileprivate mutating func write(_ ending: StepEnding) {
    member("ending", ending.ending.rawValue)
    member("message", ifPresent: ending.message)
    member("text", ending.text)
    if let value = ending.value { member("value", value) }
    member("finish_reason", ifPresent: ending.finish?.word)
    member("infrastructure", ending.infrastructure)
  }
}

extension Message {
  /// For people: pictures by their kind and size only.
  fileprivate var told: JSONValue {
    switch self {
    case .user(let parts): .map(["role": .string("user"), "content": .list(parts.map(\.told))])
    case .assistant(let message): .map(["role": .string("assistant"), "content": .string(message.text)])
    case .results(let results): .map(["role": .string("tool"), "content": .list(results.map { .string($0.text) })])
    }
  }
}

extension ContentPart {
  fileprivate var told: JSONValue {
    switch self {
    case .text(let text): .string(text)
    case .file(let name, let text): .map(["file": .string(name), "bytes": .integer(Int64(text.utf8.count))])
    case .image(let image): .map(["image": .string(image.mediaType), "bytes": .integer(Int64(image.bytes.count))])
    }
  }
}

extension TokenUsage {
  fileprivate var told: JSONValue {
    .map([
      "input": .integer(input), "cache_read": .integer(cacheRead), "cache_write": .integer(cacheWrite),
      "cache_write_1h": .integer(cacheWriteHour), "output": .integer(output), "reasoning": .integer(reasoning),
    ])
  }

  /// As ``told`` writes it.
  init?(told value: JSONValue?) {
    guard let value, let input = value["input"]?.count, let output = value["output"]?.count else { return nil }
    self.init(
      input: input, cacheRead: value["cache_read"]?.count ?? 0, cacheWrite: value["cache_write"]?.count ?? 0,
      cacheWriteHour: value["cache_write_1h"]?.count ?? 0, output: output, reasoning: value["reasoning"]?.count ?? 0)
  }
}
