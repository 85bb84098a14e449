public import AstroCore

/// What a model answered, in no provider's form.
public struct Answer: Sendable, Equatable {
  public var message: AssistantMessage
  public var finish: FinishReason
  /// `nil` where the provider did not say.
  public var usage: TokenUsage?
  /// As the provider names it.
  public var model: String?
  /// The provider's word for what was served, which has a price.
  public var serviceTier: String?

  public init(
    message: AssistantMessage = AssistantMessage(), finish: FinishReason = .stop, usage: TokenUsage? = nil,
    model: String? = nil, serviceTier: String? = nil
  ) {
    self.message = message
    self.finish = finish
    self.usage = usage
    self.model = model
    self.serviceTier = serviceTier
  }

  public var text: String { message.text }
  /// Nothing was said yet.
  public var isEmpty: Bool { message.text.isEmpty && message.toolCalls.isEmpty }
}

/// Why an answer ends.
public enum FinishReason: Sendable, Hashable {
  case stop
  /// The most tokens asked for were said.
  case length
  case toolCalls
  /// By the model or by a filter; with its words, where it has any.
  case refused(String?)
  /// The model's context is full.
  case contextFull
  /// The provider wants to go on in another call.
  case paused
  case other(String)

  /// OpenAI's words, which users know.
  public var word: String {
    switch self {
    case .stop: "stop"
    case .length: "length"
    case .toolCalls: "tool_calls"
    case .refused: "content_filter"
    case .contextFull: "context_window_exceeded"
    case .paused: "pause"
    case .other(let word): word
    }
  }
}

/// What a provider said went wrong, in the body of an answer or in the middle of a stream.
public struct ProviderError: Sendable, Hashable {
  /// The finer word where a dialect has two: `insufficient_quota`.
  public var code: String?
  /// `rate_limit_error`.
  public var type: String?
  /// The parameter it is about.
  public var parameter: String?
  public var message: String

  public init(code: String? = nil, type: String? = nil, parameter: String? = nil, message: String) {
    self.code = code
    self.type = type
    self.parameter = parameter
    self.message = message
  }
}

/// What the body of an answer came to.
public enum AssembledAnswer: Sendable, Equatable {
  case whole(Answer)
  /// It broke off, or is none; what there was of it, and why, as the end of a sentence.
  case broken(Answer, String)
  /// The provider gave up on it.
  case failed(ProviderError, Answer)

  public var answer: Answer {
    switch self {
    case .whole(let answer), .broken(let answer, _), .failed(_, let answer): answer
    }
  }
}
