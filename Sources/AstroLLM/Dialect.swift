/// How a provider is spoken to.
public enum Dialect: String, Sendable, CaseIterable {
  /// `POST /chat/completions`: OpenAI, and every server that is compatible with it.
  case openAIChat = "openai_chat"
  /// `POST /responses`, stateless.
  case openAIResponses = "openai_responses"
  /// `POST /v1/messages`.
  case anthropicMessages = "anthropic_messages"
}

/// The value of `anthropic-version`.
public enum AnthropicVersion: String, Sendable, CaseIterable {
  case first = "2023-06-01"
  /// Takes no sampling fields, and the key as a bearer token.
  case second = "2026-10-21"
}
