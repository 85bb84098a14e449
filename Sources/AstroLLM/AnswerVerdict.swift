public import AstroCore
public import AstroHTTP

/// What an answer means for the call, the task, the agent and the key.
public enum AnswerVerdict: Sendable, Equatable {
  /// The body is an answer of the model, or will turn out to be none.
  case answered
  /// A limit of the provider's: no failure. Nothing is to be sent before it has passed.
  case refusedByLimit(ProviderNotice, String)
  /// The key's money or quota is used up: nothing more is to be sent with it.
  case quotaExhausted(String)
  /// It may go better the next time, not before `after` where the provider says so.
  case retryable(after: Duration?, String)
  /// The task's prompt is more than the model takes.
  case contextTooLong(String)
  /// The key, the address or the model's name is wrong: the agent's fault.
  case misconfigured(String)
  /// The model, or a filter before it, declines.
  case refusedByContent(String)
  /// The server does not know a field of the request.
  case unsupported(parameter: String, String)
  /// The request is wrong in another way: the task's fault.
  case rejected(String)
}

/// The head and the body of an answer that is no answer of a model.
public struct ProviderReply: Sendable {
  public var status: Int
  public var headers: HTTPFields
  public var error: ProviderError?
  /// When it came, for waits that are given as times.
  public var now: Timestamp

  public init(status: Int, headers: HTTPFields = [], body: [UInt8] = [], now: Timestamp) {
    self.status = status
    self.headers = headers
    self.now = now
    error = (try? JSONReader.parse(body)).flatMap { ProviderError(body: $0) }
  }

  /// An error that came in the middle of a stream whose status was 200: its type says which status it would have been.
  public init(streamed error: ProviderError, headers: HTTPFields = [], now: Timestamp) {
    self.error = error
    self.headers = headers
    self.now = now
    status = Self.status(of: error)
  }

  private static func status(of error: ProviderError) -> Int {
    if let status = error.code.flatMap({ Int($0) }), (400..<600).contains(status) { return status }
    for word in [error.code, error.type] {
      switch word {
      case "invalid_request_error", "invalid_prompt", "context_length_exceeded": return 400
      case "authentication_error", "invalid_api_key": return 401
      case "billing_error": return 402
      case "permission_error": return 403
      case "not_found_error", "model_not_found": return 404
      case "request_too_large": return 413
      case "rate_limit_error", "rate_limit_exceeded", "insufficient_quota": return 429
      case "timeout_error": return 504
      case "overloaded_error": return 529
      default: continue
      }
    }
    return 500
  }
}

extension AnswerVerdict {
  /// Codes that say what a status does not: the key's money is used up. `error.type` is too coarse.
  private static let quotaCodes: Set<String> = [
    "insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded", "organization_usage_limit_exceeded", "billing_hard_limit_reached",
    "billing_not_active", "enforced_spend_limit_reached", "contract_spend_limit_reached",
    "linked_organization_spend_limit_reached", "linked_organization_billing_unavailable", "budget_exceeded",
  ]
  private static let contextCodes: Set<String> = [
    "context_length_exceeded", "exceed_context_size_error", "string_above_max_length", "request_too_large",
    "request_body_too_large_after_decoding",
  ]
  private static let contentCodes: Set<String> = [
    "content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation", "invalid_prompt",
  ]
  private static let parameterCodes: Set<String> = ["unsupported_parameter", "unknown_parameter", "unsupported_value"]

  /// Which of these an answer is: its status, the words in its body, and its header.
  public init(_ reply: ProviderReply) {
    let message = reply.message
    let words = [reply.error?.code, reply.error?.type].compactMap { $0 }
    let limits = LimitHeaders(reply.headers, now: reply.now)
    if (200..<300).contains(reply.status), reply.error == nil {
      self = .answered
    } else if reply.status == 402 || words.contains("billing_error") || !Self.quotaCodes.isDisjoint(with: words)
      || reply.says("credit balance is too low")
    {
      self = .quotaExhausted(message)
    } else if reply.status == 413 || (400..<500).contains(reply.status) && Self.isContext(reply, words) {
      self = .contextTooLong(message)
    } else if (400..<500).contains(reply.status), !Self.contentCodes.isDisjoint(with: words) {
      self = .refusedByContent(message)
    } else if reply.status == 429 || reply.status == 529 {
      self = reply.shouldRetry == false ? .rejected(message) : .refusedByLimit(limits.refusal, message)
    } else if reply.shouldRetry ?? Self.isPassing(reply.status) {
      self = .retryable(after: limits.refusal.wait, message)
    } else {
      self = Self.final(reply, words, message)
    }
  }

  private static func isPassing(_ status: Int) -> Bool { status == 408 || status == 409 || status >= 500 }

  private static func final(_ reply: ProviderReply, _ words: [String], _ message: String) -> AnswerVerdict {
    switch reply.status {
    case 401, 403, 404, 405, 300..<400: return .misconfigured(message)
    // LiteLLM's, for a model it does not have.
    case 400 where words.contains("model_not_found") || reply.says("Invalid model name"): return .misconfigured(message)
    case 400, 422:
      guard let parameter = parameter(reply, words) else { return .rejected(message) }
      return .unsupported(parameter: parameter, message)
    default: return .rejected(message)
    }
  }

  /// Not every server has a code for it.
  private static func isContext(_ reply: ProviderReply, _ words: [String]) -> Bool {
    !contextCodes.isDisjoint(with: words) || reply.says("prompt is too long")
      || reply.says("maximum context length") || reply.says("ContextWindowExceededError")
      || reply.says("exceeds the available context size") || reply.says("exceed context limit")
  }

  /// The field that a server says it does not take; where it has no code for that, one of those it may not know.
  private static func parameter(_ reply: ProviderReply, _ words: [String]) -> String? {
    if let parameter = reply.error?.parameter, !parameterCodes.isDisjoint(with: words) { return parameter }
    let named = [
      "max_completion_tokens", "max_tokens", "response_format", "output_config", "json_schema", "stream_options",
    ]
    let complains = ["nsupported", "not supported", "nrecognized", "nknown", "xtra inputs", "not permitted"]
    guard complains.contains(where: reply.says) else { return nil }
    return reply.error?.parameter.flatMap { named.contains($0) ? $0 : nil } ?? named.first(where: reply.says)
  }
}

extension ProviderReply {
  /// `429 rate_limit_exceeded: Rate limit reached for …`, cut to what a person reads.
  var message: String {
    let words = [error?.code, error?.type].compactMap { $0 }.filter { $0 != String(status) }
    // Several lines are made one: it stands in a sentence.
    let text = Terminal.printable((error?.message ?? "").split(whereSeparator: \.isWhitespace).joined(separator: " "))
    let cut = text.unicodeScalars.count > 500 ? String(text.unicodeScalars.prefix(500)) + "…" : text
    return ["\(status)" + (words.first.map { " \($0)" } ?? ""), cut].filter { !$0.isEmpty }.joined(separator: ": ")
  }

  /// Whether the body's message holds these bytes.
  func says(_ text: String) -> Bool { error?.message.contains(text) ?? false }

  /// The header of OpenAI and Anthropic, which both their clients obey.
  var shouldRetry: Bool? { headers["x-should-retry"].flatMap { ["true": true, "false": false][$0] } }
}
