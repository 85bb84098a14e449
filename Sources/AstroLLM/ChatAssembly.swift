import AstroCore

/// Chat Completions: chunks without names, then `[DONE]`; usage in a last chunk, whose `choices` are empty or hold one empty
/// delta.
struct ChatAssembly: DialectAssembly {
  var draft = AnswerDraft()
  private(set) var hasBegun = false
  private(set) var isFinished = false

  mutating func takeDone() {
    draft.finish = draft.finish ?? .stop
    isFinished = hasBegun
  }

  /// Without `[DONE]` an answer is whole all the same once it says why it ends; but usage may come after that, so that no
  /// chunk is passed over before the end.
  mutating func takeEnd() { isFinished = isFinished || draft.finish != nil }

  mutating func take(_ event: String, _ data: JSONValue) {
    if let error = ProviderError(body: data) {
      draft.failure = error
      return
    }
    takeCommon(data)
    guard let choice = data["choices"]?.items?.first(where: { ($0["index"]?.count ?? 0) == 0 }) else { return }
    hasBegun = true
    if let delta = choice["delta"] { take(message: delta) }
    if let word = choice["finish_reason"]?.string { draft.finish = Self.finish(word) }
  }

  mutating func take(document: JSONValue) {
    takeCommon(document)
    guard let choice = document["choices"]?.items?.first else { return }
    hasBegun = true
    if let message = choice["message"] { take(message: message) }
    draft.finish = Self.finish(choice["finish_reason"]?.string ?? "stop")
    isFinished = true
  }

  private mutating func takeCommon(_ data: JSONValue) {
    if let model = data["model"]?.string, !model.isEmpty { draft.model = model }
    if let tier = data["service_tier"]?.string { draft.serviceTier = tier }
    if let usage = data["usage"], let counted = TokenUsage(chat: usage) { draft.usage = counted }
  }

  private mutating func take(message: JSONValue) {
    draft.text += Self.text(of: message["content"])
    draft.refusal += message["refusal"]?.string ?? ""
    for call in message["tool_calls"]?.items ?? [] {
      draft.withCall(call["index"]?.count, id: call["id"]?.string) { draft in
        let function = call["function"]
        if draft.name.isEmpty { draft.name = function?["name"]?.string ?? "" }
        // A string in pieces; some servers send the object itself.
        if let arguments = function?["arguments"] { draft.arguments += arguments.text }
      }
    }
  }

  private static func text(of content: JSONValue?) -> String {
    content?.string ?? (content?.items ?? []).map { $0["text"]?.string ?? "" }.joined()
  }

  static func finish(_ word: String) -> FinishReason {
    switch word {
    case "stop", "eos": .stop
    case "length", "max_tokens": .length
    case "tool_calls", "function_call": .toolCalls
    case "content_filter": .refused(nil)
    default: .other(word)
    }
  }
}

extension TokenUsage {
  /// `prompt_tokens` holds what was cached, `completion_tokens` what was thought.
  init?(chat usage: JSONValue) {
    guard let prompt = usage["prompt_tokens"]?.count, let answer = usage["completion_tokens"]?.count else { return nil }
    let reasoning = usage["completion_tokens_details"]?["reasoning_tokens"]?.count ?? 0
    // Some providers count thinking beside the answer; their total tells.
    let isBeside = reasoning > 0 && usage["total_tokens"]?.count == prompt + answer + reasoning
    self.init(
      prompt: prompt, details: usage["prompt_tokens_details"], output: isBeside ? answer + reasoning : answer,
      reasoning: reasoning)
  }

  /// OpenAI's counts, in either of its dialects.
  init(prompt: Int64, details: JSONValue?, output: Int64, reasoning: Int64) {
    let read = min(prompt, details?["cached_tokens"]?.count ?? 0)
    let write = min(prompt - read, details?["cache_write_tokens"]?.count ?? 0)
    self.init(
      input: prompt - read - write, cacheRead: read, cacheWrite: write, output: max(output, reasoning),
      reasoning: reasoning)
  }
}
