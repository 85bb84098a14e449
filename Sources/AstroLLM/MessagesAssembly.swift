import AstroCore

/// Anthropic's Messages: named events, blocks of content by index, usage that is counted on.
struct MessagesAssembly: DialectAssembly {
  var draft = AnswerDraft()
  private(set) var hasBegun = false
  private(set) var isFinished = false
  private var usage: [String: JSONValue] = [:]
  private var blocks: [Int64: Block] = [:]

  private struct Block: Sendable {
    /// As it began; its text, thinking, signature and input are filled in.
    var content: [String: JSONValue]
    var input = ""

    var kind: String { content["type"]?.string ?? "" }

    mutating func append(_ text: String?, to name: String) {
      content[name] = .string((content[name]?.string ?? "") + (text ?? ""))
    }

    var whole: JSONValue {
      var content = content
      if !input.isEmpty { content["input"] = (try? JSONReader.parse(input)) ?? .map([:]) }
      return .map(content)
    }
  }

  mutating func take(_ event: String, _ data: JSONValue) {
    // Some gateways leave the names of events out.
    switch data["type"]?.string ?? event {
    case "message_start":
      hasBegun = true
      if let message = data["message"] { takeHead(message) }
    case "content_block_start":
      guard let index = data["index"]?.count, let block = data["content_block"]?.members else { return }
      begin(index, block)
    case "content_block_delta":
      if let index = data["index"]?.count, let delta = data["delta"] { take(delta, of: index) }
    case "message_delta":
      if let reason = data["delta"]?["stop_reason"]?.string { draft.finish = Self.finish(reason) }
      if let counts = data["usage"]?.members { take(usage: counts) }
    case "message_stop": finish()
    case "error": draft.failure = ProviderError(body: data)
    default: break
    }
  }

  mutating func take(document: JSONValue) {
    guard let content = document["content"]?.items else { return }
    hasBegun = true
    takeHead(document)
    for (index, block) in content.enumerated() { begin(Int64(index), block.members ?? [:]) }
    draft.finish = Self.finish(document["stop_reason"]?.string ?? "end_turn")
    finish()
  }

  private mutating func takeHead(_ message: JSONValue) {
    draft.model = message["model"]?.string
    if let counts = message["usage"]?.members { take(usage: counts) }
  }

  /// Counts that come later replace earlier ones: they are of the whole answer so far.
  private mutating func take(usage counts: [String: JSONValue]) {
    usage.merge(counts.filter { $0.value != .null }) { $1 }
    let counted = JSONValue.map(usage)
    if let tier = counted["service_tier"]?.string { draft.serviceTier = tier }
    draft.usage = TokenUsage(messages: counted)
  }

  private mutating func begin(_ index: Int64, _ block: [String: JSONValue]) {
    blocks[index] = Block(content: block)
    switch block["type"]?.string {
    case "text": draft.text += block["text"]?.string ?? ""
    case "tool_use":
      draft.withCall(index, id: block["id"]?.string) { call in
        call.name = block["name"]?.string ?? ""
        if case .map(let input)? = block["input"], !input.isEmpty { call.arguments = JSONValue.map(input).json }
      }
    default: break
    }
  }

  private mutating func take(_ delta: JSONValue, of index: Int64) {
    switch delta["type"]?.string {
    case "text_delta":
      let text = delta["text"]?.string ?? ""
      draft.text += text
      blocks[index, default: Block(content: ["type": .string("text")])].append(text, to: "text")
    case "input_json_delta":
      let part = delta["partial_json"]?.string ?? ""
      blocks[index]?.input += part
      if blocks[index]?.kind == "tool_use" { draft.withCall(index, id: nil) { $0.arguments += part } }
    case "thinking_delta": blocks[index]?.append(delta["thinking"]?.string, to: "thinking")
    case "signature_delta": blocks[index]?.append(delta["signature"]?.string, to: "signature")
    default: break
    }
  }

  private mutating func finish() {
    isFinished = true
    if draft.finish == nil { draft.finish = .stop }
    guard blocks.values.contains(where: { $0.kind != "text" && $0.kind != "tool_use" }) else { return }
    let items = blocks.sorted { $0.key < $1.key }.map(\.value.whole)
    draft.native = NativeContent(dialect: .anthropicMessages, items: items)
  }

  static func finish(_ word: String) -> FinishReason {
    switch word {
    case "end_turn", "stop_sequence": .stop
    case "max_tokens": .length
    case "tool_use": .toolCalls
    case "refusal": .refused(nil)
    case "model_context_window_exceeded": .contextFull
    case "pause_turn": .paused
    default: .other(word)
    }
  }
}

extension TokenUsage {
  /// `input_tokens` holds nothing of what was read from a cache or written to one; `output_tokens` is all that is billed.
  init?(messages usage: JSONValue) {
    guard let input = usage["input_tokens"]?.count, let output = usage["output_tokens"]?.count else { return nil }
    let written = usage["cache_creation_input_tokens"]?.count ?? 0
    let hour = min(written, usage["cache_creation"]?["ephemeral_1h_input_tokens"]?.count ?? 0)
    self.init(
      input: input, cacheRead: usage["cache_read_input_tokens"]?.count ?? 0, cacheWrite: written - hour,
      cacheWriteHour: hour, output: output,
      reasoning: min(output, usage["output_tokens_details"]?["thinking_tokens"]?.count ?? 0))
  }
}
