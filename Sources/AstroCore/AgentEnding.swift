/// How an attempt ended that an agent performed itself, without a process: every ending has a name.
public enum AgentEnding: String, Sendable, CaseIterable {
  case completed
  /// Ceilings of the task's own.
  case maxTurns = "max_turns"
  case maxToolCalls = "max_tool_calls"
  case maxCost = "max_cost"
  case maxTokens = "max_tokens"
  case timeout
  /// The model or a filter declined to answer.
  case refused
  /// The answer was cut off by its length, and the task needs it whole.
  case truncated
  /// The answer does not fit the schema the task gives, also after asking again.
  case invalidOutput = "invalid_output"
  case toolError = "tool_error"
  case providerError = "provider_error"
  /// The key's money or quota is used up.
  case providerQuota = "provider_quota"
  case rateLimited = "rate_limited"
  case cancelled
}
