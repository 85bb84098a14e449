import AstroCore

/// Responses: named events; the last one holds the whole answer again, and is what counts.
struct ResponsesAssembly: DialectAssembly {
  var draft = AnswerDraft()
  private(set) var hasBegun = false
  private(set) var isFinished = false

  mutating func take(_ event: String, _ data: JSONValue) {
    switch data["type"]?.string ?? event {
    case "response.created", "response.in_progress":
      hasBegun = true
      draft.model = data["response"]?["model"]?.string ?? draft.model
    case "response.output_text.delta": draft.text += data["delta"]?.string ?? ""
    case "response.refusal.delta": draft.refusal += data["delta"]?.string ?? ""
    case "response.output_item.added", "response.output_item.done":
      guard let item = data["item"], item["type"]?.string == "function_call" else { return }
      take(call: item, index: data["output_index"]?.count)
    case "response.function_call_arguments.delta":
      draft.withCall(data["output_index"]?.count, id: nil) { $0.arguments += data["delta"]?.string ?? "" }
    case "response.completed", "response.incomplete", "response.failed":
      if let response = data["response"] { take(document: response) }
    case "error": draft.failure = data["error"].map(ProviderError.init(error:)) ?? ProviderError(error: data)
    default: break
    }
  }

  mutating func take(document response: JSONValue) {
    hasBegun = true
    draft.model = response["model"]?.string ?? draft.model
    draft.serviceTier = response["service_tier"]?.string
    if let usage = response["usage"] { draft.usage = TokenUsage(responses: usage) }
    if let items = response["output"]?.items, !items.isEmpty { take(output: items) }
    switch response["status"]?.string {
    case "failed", "cancelled":
      draft.failure =
        response["error"].map(ProviderError.init(error:)) ?? ProviderError(message: "the response failed")
    case "incomplete":
      draft.finish = Self.finish(incomplete: response["incomplete_details"]?["reason"]?.string ?? "incomplete")
      isFinished = true
    case "queued", "in_progress": break
    default:
      draft.finish = draft.calls.isEmpty ? .stop : .toolCalls
      isFinished = true
    }
  }

  private mutating func take(output items: [JSONValue]) {
    draft.text = ""
    draft.refusal = ""
    draft.calls = []
    for (index, item) in items.enumerated() {
      switch item["type"]?.string {
      case "message":
        for part in item["content"]?.items ?? [] {
          draft.text += part["type"]?.string == "output_text" ? part["text"]?.string ?? "" : ""
          draft.refusal += part["refusal"]?.string ?? ""
        }
      case "function_call": take(call: item, index: Int64(index))
      default: break
      }
    }
    // Nothing is kept by the provider: what was thought can come back only in its encrypted form.
    if items.contains(where: { $0["encrypted_content"] != nil }) {
      let items = items.filter { $0["type"]?.string != "reasoning" || $0["encrypted_content"] != nil }
      draft.native = NativeContent(dialect: .openAIResponses, items: items)
    }
  }

  private mutating func take(call item: JSONValue, index: Int64?) {
    draft.withCall(index, id: item["call_id"]?.string) { call in
      call.name = item["name"]?.string ?? call.name
      if let arguments = item["arguments"]?.string, !arguments.isEmpty { call.arguments = arguments }
    }
  }

  static func finish(incomplete reason: String) -> FinishReason {
    switch reason {
    case "max_output_tokens": .length
    case "content_filter": .refused(nil)
    default: .other(reason)
    }
  }
}

extension TokenUsage {
  /// As ``init(chat:)``, under other names.
  init?(responses usage: JSONValue) {
    guard let prompt = usage["input_tokens"]?.count, let output = usage["output_tokens"]?.count else { return nil }
    self.init(
      prompt: prompt, details: usage["input_tokens_details"], output: output,
      reasoning: usage["output_tokens_details"]?["reasoning_tokens"]?.count ?? 0)
  }
}
