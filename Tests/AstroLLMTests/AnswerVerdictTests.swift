import AstroCore
import AstroHTTP
import AstroLLM
import Testing

@Suite struct AnswerVerdictTests {
  /// 2026-11-29T12:00:00Z
  private static let now = Timestamp(rfc3339: "2026-11-29T12:00:00Z")!

  struct Row: Sendable, CustomTestStringConvertible {
    var name: String
    var status: Int
    var headers: [(name: String, value: String)] = []
    var body = ""
    var verdict: AnswerVerdict
    var testDescription: String { name }
  }

  private static func openAI(_ code: String?, _ type: String = "invalid_request_error", _ message: String = "why")
    -> String
  {
    let code = code.map { "\"\($0)\"" } ?? "null"
    return #"{"error":{"message":"\#(message)","type":"\#(type)","param":null,"code":\#(code)}}"#
  }

  private static func anthropic(_ type: String, _ message: String = "why", details: String = "null") -> String {
    #"{"type":"error","error":{"type":"\#(type)","message":"\#(message)","details":\#(details)},"request_id":"req_1"}"#
  }

  private static let rows: [Row] = [
    Row(name: "an answer", status: 200, verdict: .answered),

    // Limits.
    Row(
      name: "OpenAI, told in milliseconds", status: 429,
      headers: [
        ("retry-after", "7"), ("retry-after-ms", "6123"), ("x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "6m0s"),
        ("x-ratelimit-remaining-tokens", "149984"), ("x-ratelimit-reset-tokens", "9.865s"),
      ], body: openAI("rate_limit_exceeded", "requests"),
      verdict: .refusedByLimit(
        ProviderNotice(
          wait: .milliseconds(6123), requests: .init(limit: 60, remaining: 0, reset: .seconds(360)),
          tokens: .init(remaining: 149_984, reset: .milliseconds(9865))), "429 rate_limit_exceeded: why")),
    Row(
      name: "a fraction of a second", status: 429, headers: [("Retry-After", "0.25")],
      body: openAI(nil, "rate_limit_error"),
      verdict: .refusedByLimit(ProviderNotice(wait: .milliseconds(250)), "429 rate_limit_error: why")),
    Row(
      name: "an HTTP date", status: 429, headers: [("retry-after", "Sun, 29 Nov 2026 12:00:30 GMT")],
      verdict: .refusedByLimit(ProviderNotice(wait: .seconds(30)), "429")),
    Row(
      name: "an HTTP date that has passed", status: 429, headers: [("retry-after", "Sunday, 29-Nov-26 11:59:00 GMT")],
      verdict: .refusedByLimit(ProviderNotice(wait: .zero), "429")),
    Row(
      name: "behind a proxy", status: 429, headers: [("llm_provider-retry-after", "12")], body: openAI("429", "None"),
      verdict: .refusedByLimit(ProviderNotice(wait: .seconds(12)), "429 None: why")),
    Row(
      name: "only the reset of what is used up", status: 429,
      headers: [
        ("x-ratelimit-remaining-requests", "12"), ("x-ratelimit-reset-requests", "120ms"),
        ("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "59m3s"),
      ],
      verdict: .refusedByLimit(
        ProviderNotice(
          wait: .seconds(3543), requests: .init(remaining: 12, reset: .milliseconds(120)),
          tokens: .init(remaining: 0, reset: .seconds(3543))), "429")),
    Row(
      name: "Azure, which writes -1 for unknown", status: 429,
      headers: [
        ("x-ratelimit-limit-requests", "-1"), ("x-ratelimit-remaining-requests", "-1"),
        ("x-ratelimit-reset-tokens", "20"), ("retry-after", "-5"),
      ],
      verdict: .refusedByLimit(ProviderNotice(wait: .seconds(20), tokens: .init(reset: .seconds(20))), "429")),
    Row(
      name: "Anthropic", status: 429,
      headers: [
        ("retry-after", "21"), ("anthropic-ratelimit-requests-limit", "50"),
        ("anthropic-ratelimit-requests-remaining", "0"),
        ("anthropic-ratelimit-requests-reset", "2026-11-29T12:00:21Z"),
        ("anthropic-ratelimit-input-tokens-limit", "30000"), ("anthropic-ratelimit-input-tokens-remaining", "29000"),
        ("anthropic-ratelimit-input-tokens-reset", "2026-11-29T12:00:02Z"),
        ("anthropic-ratelimit-output-tokens-remaining", "8000"),
      ], body: anthropic("rate_limit_error"),
      verdict: .refusedByLimit(
        ProviderNotice(
          wait: .seconds(21), requests: .init(limit: 50, remaining: 0, reset: .seconds(21)),
          tokens: .init(remaining: 8000)), "429 rate_limit_error: why")),
    Row(
      name: "LiteLLM", status: 429,
      headers: [("retry-after", "60"), ("reset_at", "2026-11-29 12:01:00 UTC"), ("rate_limit_type", "requests")],
      body: openAI("429", "None", "Rate limit exceeded for api_key"),
      verdict: .refusedByLimit(ProviderNotice(wait: .seconds(60)), "429 None: Rate limit exceeded for api_key")),
    Row(
      name: "LiteLLM, only the time", status: 429, headers: [("reset_at", "2026-11-29 12:00:45 UTC")],
      verdict: .refusedByLimit(ProviderNotice(wait: .seconds(45)), "429")),
    Row(
      name: "not told at all", status: 429, body: "<html>slow down</html>",
      verdict: .refusedByLimit(ProviderNotice(), "429")),
    Row(
      name: "overloaded", status: 529, body: anthropic("overloaded_error", "Overloaded"),
      verdict: .refusedByLimit(ProviderNotice(), "529 overloaded_error: Overloaded")),
    Row(
      name: "a limit that no waiting helps", status: 429, headers: [("x-should-retry", "false")], body: openAI("x"),
      verdict: .rejected("429 x: why")),

    // Money.
    Row(
      name: "402", status: 402, body: anthropic("billing_error"), verdict: .quotaExhausted("402 billing_error: why")),
    Row(
      name: "billing with 400", status: 400,
      body: anthropic("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
      verdict: .quotaExhausted(
        "400 invalid_request_error: Your credit balance is too low to access the Anthropic API.")),
    Row(
      name: "Anthropic's spend limit", status: 429, headers: [("retry-after", "1")],
      body: anthropic("rate_limit_error", details: #"{"error_code":"enforced_spend_limit_reached"}"#),
      verdict: .quotaExhausted("429 enforced_spend_limit_reached: why")),

    // Passing.
    Row(
      name: "the provider says to come again", status: 400, headers: [("x-should-retry", "true")], body: openAI("x"),
      verdict: .retryable(after: nil, "400 x: why")),
    Row(
      name: "the provider says not to", status: 500, headers: [("x-should-retry", "false")],
      body: openAI(nil, "server_error"), verdict: .rejected("500 server_error: why")),
    Row(
      name: "unavailable, told how long", status: 503, headers: [("retry-after", "3")],
      verdict: .retryable(after: .seconds(3), "503")),

    // The task's.
    Row(
      name: "OpenAI's context", status: 400, body: openAI("context_length_exceeded"),
      verdict: .contextTooLong("400 context_length_exceeded: why")),
    Row(
      name: "Anthropic's context", status: 400,
      body: anthropic("invalid_request_error", "prompt is too long: 215000 tokens > 200000 maximum"),
      verdict: .contextTooLong("400 invalid_request_error: prompt is too long: 215000 tokens > 200000 maximum")),
    Row(
      name: "vLLM's context", status: 400,
      body:
        #"{"object":"error","message":"This model's maximum context length is 4096 tokens.","type":"BadRequestError","code":400}"#,
      verdict: .contextTooLong("400 BadRequestError: This model's maximum context length is 4096 tokens.")),
    Row(
      name: "llama.cpp's context", status: 400,
      body:
        #"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#,
      verdict: .contextTooLong("400 exceed_context_size_error: the request exceeds the available context size")),
    Row(
      name: "LiteLLM's context", status: 400,
      body: openAI("400", "None", "litellm.ContextWindowExceededError: mock"),
      verdict: .contextTooLong("400 None: litellm.ContextWindowExceededError: mock")),
    Row(
      name: "too large", status: 413, body: anthropic("request_too_large"),
      verdict: .contextTooLong("413 request_too_large: why")),
    Row(
      name: "a field that is not taken", status: 400,
      body:
        #"{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model.","type":"invalid_request_error","param":"max_tokens","code":"unsupported_parameter"}}"#,
      verdict: .unsupported(
        parameter: "max_tokens",
        "400 unsupported_parameter: Unsupported parameter: 'max_tokens' is not supported with this model.")),
    Row(
      name: "a field that is not known, without a code", status: 422,
      body: #"{"error":"Unknown field max_completion_tokens"}"#,
      verdict: .unsupported(parameter: "max_completion_tokens", "422: Unknown field max_completion_tokens")),
    Row(
      name: "a wrong value", status: 400, body: openAI(nil, "invalid_request_error", "temperature is 9"),
      verdict: .rejected("400 invalid_request_error: temperature is 9")),

    // Content.
    Row(
      name: "Azure's filter", status: 400, body: openAI("content_filter"),
      verdict: .refusedByContent("400 content_filter: why")),
    Row(
      name: "OpenAI's filter", status: 400, body: openAI("invalid_prompt"),
      verdict: .refusedByContent("400 invalid_prompt: why")),

    // The agent's.
    Row(
      name: "a wrong key", status: 401, body: openAI("invalid_api_key"),
      verdict: .misconfigured("401 invalid_api_key: why")),
    Row(
      name: "a key that may not", status: 403, body: anthropic("permission_error"),
      verdict: .misconfigured("403 permission_error: why")),
    Row(
      name: "no such model", status: 404, body: openAI("model_not_found"),
      verdict: .misconfigured("404 model_not_found: why")),
    Row(name: "another place", status: 301, verdict: .misconfigured("301")),
  ]

  @Test(arguments: rows)
  func everyRow(row: Row) {
    let reply = ProviderReply(
      status: row.status, headers: HTTPFields(row.headers), body: Array(row.body.utf8), now: Self.now)
    #expect(AnswerVerdict(reply) == row.verdict)
  }

  @Test(arguments: [408, 409, 500, 502, 503, 504, 520])
  func theseStatusesPass(status: Int) {
    let reply = ProviderReply(status: status, now: Self.now)
    #expect(AnswerVerdict(reply) == .retryable(after: nil, "\(status)"))
  }

  @Test(arguments: [
    "insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded", "organization_usage_limit_exceeded",
  ])
  func theseCodesAreMoneyAndNoLimit(code: String) {
    let body = Self.openAI(code, "rate_limit_error")
    let reply = ProviderReply(status: 429, headers: [("retry-after", "1")], body: Array(body.utf8), now: Self.now)
    #expect(AnswerVerdict(reply) == .quotaExhausted("429 \(code): why"))
  }

  @Test(arguments: [
    (
      #"{"type":"overloaded_error","message":"Overloaded"}"#,
      AnswerVerdict.refusedByLimit(ProviderNotice(), "529 overloaded_error: Overloaded")
    ),
    (#"{"type":"api_error","message":"x"}"#, .retryable(after: nil, "500 api_error: x")),
    (#"{"type":"server_error","code":"server_error","message":"x"}"#, .retryable(after: nil, "500 server_error: x")),
    (#"{"code":"rate_limit_exceeded","message":"x"}"#, .refusedByLimit(ProviderNotice(), "429 rate_limit_exceeded: x")),
    (#"{"code":"insufficient_quota","message":"x"}"#, .quotaExhausted("429 insufficient_quota: x")),
    (#"{"type":"authentication_error","message":"x"}"#, .misconfigured("401 authentication_error: x")),
    (#"{"code":"500","type":"None","message":"x"}"#, .retryable(after: nil, "500 None: x")),
  ])
  func anErrorInAStreamIsJudgedAsItsStatusWouldBe(error: String, verdict: AnswerVerdict) throws {
    var assembler = AnswerAssembler(dialect: .anthropicMessages)
    assembler.read(Array("event: error\ndata: {\"type\":\"error\",\"error\":\(error)}\n\n".utf8))
    guard case .failed(let failure, _) = assembler.finish() else {
      Issue.record("no error was seen")
      return
    }
    #expect(AnswerVerdict(ProviderReply(streamed: failure, now: Self.now)) == verdict)
  }

  @Test func anAnswersHeaderTellsOfTheLimitsToo() {
    let headers: HTTPFields = [("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "1.5s")]
    #expect(
      LimitHeaders(headers, now: Self.now).notice
        == ProviderNotice(requests: .init(remaining: 0, reset: .milliseconds(1500))))
    #expect(LimitHeaders([], now: Self.now).notice == nil)
  }

  @Test func longMessagesAreCutAndMadeSafeToShow() {
    let body = Self.openAI(nil, "x", "\\u001b[31m" + String(repeating: "a", count: 600))
    guard case .rejected(let message) = AnswerVerdict(ProviderReply(status: 400, body: Array(body.utf8), now: Self.now))
    else {
      Issue.record("not rejected")
      return
    }
    #expect(message == "400 x: ?[31m" + String(repeating: "a", count: 495) + "…")
  }
}
