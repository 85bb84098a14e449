import AstroCore

/// An answer that is being put together.
struct AnswerDraft: Sendable {
  struct Call: Sendable {
    /// The provider's number for it, by which its fragments are joined.
    var index: Int64
    var id = ""
    var name = ""
    var arguments = ""
  }

  var text = ""
  var refusal = ""
  var calls: [Call] = []
  var finish: FinishReason?
  var usage: TokenUsage?
  var model: String?
  var serviceTier: String?
  var native: NativeContent?
  var failure: ProviderError?

  /// The call with that number and, where both have one, that id; made when there is none. Some servers number all their
  /// calls 0 and tell them apart by their ids.
  mutating func withCall(_ index: Int64?, id: String?, _ change: (inout Call) -> Void) {
    let id = id ?? ""
    let wanted = index ?? (id.isEmpty ? calls.last?.index : Int64(calls.count)) ?? 0
    var position = calls.lastIndex { $0.index == wanted }
    if let found = position, !id.isEmpty, !calls[found].id.isEmpty, calls[found].id != id { position = nil }
    if position == nil { calls.append(Call(index: wanted)) }
    let place = position ?? calls.count - 1
    if !id.isEmpty { calls[place].id = id }
    change(&calls[place])
  }

  func answer(isFinished: Bool) -> Answer {
    // Of an answer that broke off, a call may be half of one: nothing may be done on its word.
    let whole = isFinished ? calls.enumerated().map { Self.call($1, number: $0 + 1) } : []
    var finish = finish ?? .other("broken_off")
    if !refusal.isEmpty { finish = .refused(refusal) }
    if !whole.isEmpty, finish == .stop { finish = .toolCalls }
    return Answer(
      message: AssistantMessage(text: text, toolCalls: whole, native: isFinished ? native : nil), finish: finish,
      usage: usage, model: model, serviceTier: serviceTier)
  }

  private static func call(_ call: Call, number: Int) -> ToolCall {
    ToolCall(
      id: call.id.isEmpty ? "call_\(number)" : call.id, name: call.name,
      arguments: call.arguments.isEmpty ? "{}" : call.arguments)
  }
}

extension ProviderError {
  /// The error a body carries, in the forms of all dialects and of the servers that are like them; `nil` when it has none.
  init?(body: JSONValue) {
    if let error = body["error"] {
      if let text = error.string {
        self.init(message: text)
      } else if error.members != nil {
        self.init(error: error)
      } else {
        return nil
      }
    } else if body["type"]?.string == "error" || body["object"]?.string == "error" {
      self.init(error: body)
    } else {
      return nil
    }
  }

  init(error: JSONValue) {
    // Proxies write a status as a string; some servers write it as a number.
    let code = error["details"]?["error_code"]?.string ?? error["code"]?.text
    self.init(
      code: code, type: error["type"]?.string, parameter: error["param"]?.string,
      message: error["message"]?.string ?? error.json)
  }
}
