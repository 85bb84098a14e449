public import AstroCore
public import AstroHTTP
public import AstroLLM

/// One agent of type `llm`, as it is configured.
public struct LLMSettings: Sendable {
  public var id: String
  public var dialect: Dialect
  public var baseURL: String
  /// Reads the key; `nil` for a server that asks for none. Throws what is wrong with where it should be.
  public var key: @Sendable () throws(Failure) -> String?
  /// For tasks that name none.
  public var model: String?
  public var headers: [(name: String, value: String)]
  /// Those in ``headers``: never to be written anywhere.
  public var secrets: [String]
  public var timeouts: HTTPTimeouts
  /// Of Anthropic's dialect.
  public var version: AnthropicVersion
  /// `nil`: as the host is known to have it.
  public var tokenParameter: Adaptation.TokenParameter?
  public var prices: PriceTable
  /// How often one call is made again inside its attempt when the provider or the connection fails.
  public var retries = 3
  /// Of tasks that do not say.
  public var defaults = LLMTask.Defaults()
  /// How many requests of one batch file are under way at a time.
  public var concurrency: Int

  public init(
    id: String, dialect: Dialect, baseURL: String, model: String? = nil,
    key: @escaping @Sendable () throws(Failure) -> String? = { nil }, headers: [(name: String, value: String)] = [],
    secrets: [String] = [], timeouts: HTTPTimeouts = HTTPTimeouts(), version: AnthropicVersion = .second,
    tokenParameter: Adaptation.TokenParameter? = nil, prices: PriceTable = PriceTable(),
    concurrency: Int = 8
  ) {
    self.id = id
    self.dialect = dialect
    self.baseURL = baseURL
    self.model = model
    self.key = key
    self.headers = headers
    self.secrets = secrets
    self.timeouts = timeouts
    self.version = version
    self.tokenParameter = tokenParameter
    self.prices = prices
    self.concurrency = concurrency
  }

  /// What of it must be written nowhere: its key, where there is one now, and the secrets in its headers.
  var hidden: [String] { secrets + [try? key()].compactMap { $0 } }

  /// What is presumed of its server before it has answered.
  var adaptation: Adaptation {
    var adaptation = Adaptation(dialect: dialect, baseURL: baseURL, version: version)
    if let tokenParameter { adaptation.tokenParameter = tokenParameter }
    return adaptation
  }
}
