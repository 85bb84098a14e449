public import AstroCore

/// An agent of type llm: a model at a provider.
public struct LLMSettings: Sendable, Equatable {
  /// How the provider is spoken to.
  public enum Dialect: String, Sendable, CaseIterable {
    case openAIChat = "openai_chat"
    case openAIResponses = "openai_responses"
    case anthropicMessages = "anthropic_messages"

    /// The provider whose dialect it is; its paths follow (`/chat/completions`, `/responses`, `/v1/messages`).
    public var usualBaseURL: String {
      switch self {
      case .openAIChat, .openAIResponses: "https://api.openai.com/v1"
      case .anthropicMessages: "https://api.anthropic.com"
      }
    }
  }

  /// The value of `anthropic-version`.
  public enum APIVersion: String, Sendable, CaseIterable {
    case first = "2023-06-01"
    case second = "2026-10-21"
  }

  /// By which name a chat server is told the length of the answer.
  public enum MaxTokensParameter: String, Sendable, CaseIterable {
    /// By the host, and by the other one when it refuses the first.
    case auto
    case maxTokens = "max_tokens"
    case maxCompletionTokens = "max_completion_tokens"
  }

  public enum Proxy: Sendable, Equatable {
    /// What `HTTPS_PROXY` and its like say.
    case environment
    case none
    case url(String)
  }

  public var dialect: Dialect
  /// Without a slash at its end.
  public var baseURL: String
  /// `nil` sends none, for local servers.
  public var key: SecretPlan.Source?
  /// What tasks that name none are answered by.
  public var model: String?
  /// Of `anthropic_messages` only.
  public var apiVersion = APIVersion.second
  public var headers: [NamedValue] = []
  /// Agents of this type, asked in order when the provider fails or its quota is used up. Their own are not asked then.
  public var fallbacks: [String] = []
  public var maxTokensParameter = MaxTokensParameter.auto
  public var timeouts = ExchangeTimeouts()
  /// A file of certificates (PEM) to trust besides the system's; relative paths begin at the home.
  public var certificates: String?
  public var proxy = Proxy.environment
  /// The longest answer of tasks that do not say: what may be reserved before a call.
  public var maxOutputTokens = 4096
  /// How often one call is made again inside its attempt when the provider or the connection fails.
  public var retries = 3
  /// What tasks that do not say may call: `server.tool`.
  public var tools: [String] = []

  public init(dialect: Dialect, baseURL: String? = nil, key: SecretPlan.Source? = nil, model: String? = nil) {
    self.dialect = dialect
    self.baseURL = baseURL ?? dialect.usualBaseURL
    self.key = key
    self.model = model
  }
}
