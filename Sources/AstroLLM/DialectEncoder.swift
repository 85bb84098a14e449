import AstroCore
public import AstroHTTP

/// Writes calls in the form a provider takes them. Always streamed, so that a long answer shows progress and a dead
/// connection is noticed.
public struct DialectEncoder: Sendable {
  public var dialect: Dialect
  /// Without the path of the call: `https://api.openai.com/v1`, `https://api.anthropic.com`.
  public var baseURL: String
  public var version: AnthropicVersion
  /// Sent besides; one of a name that is sent anyway replaces it.
  public var headers: [(name: String, value: String)]
  public var adaptation: Adaptation

  public init(
    dialect: Dialect, baseURL: String, version: AnthropicVersion = .second,
    headers: [(name: String, value: String)] = [], adaptation: Adaptation? = nil
  ) {
    self.dialect = dialect
    self.baseURL = baseURL
    self.version = version
    self.headers = headers
    self.adaptation = adaptation ?? Adaptation(dialect: dialect, baseURL: baseURL, version: version)
  }

  /// A request, and what of the call could not be said in it, one sentence each.
  public struct Encoded: Sendable {
    public var request: HTTPRequest
    public var notes: [String]
  }

  /// - Parameter key: `nil` for a server that asks for none.
  public func encode(_ call: ModelRequest, key: String?) -> Encoded {
    var body = RequestBody(adaptation: adaptation, isOpenAI: host == "api.openai.com", version: version)
    switch dialect {
    case .openAIChat: body.writeChat(call)
    case .openAIResponses: body.writeResponses(call)
    case .anthropicMessages: body.writeMessages(call)
    }
    let fields = [("content-type", "application/json"), ("accept", "text/event-stream")] + credentials(key)
    return Encoded(
      request: HTTPRequest(
        method: "POST", url: url(of: path), headers: replacing(fields), body: body.writer.bytes),
      notes: body.notes)
  }

  /// Asks for the models there are: costs nothing, and says whether the server answers and takes the key.
  public func listing(key: String?) -> HTTPRequest {
    let path = dialect == .anthropicMessages ? "/v1/models" : "/models"
    return HTTPRequest(url: url(of: path), headers: replacing([("accept", "application/json")] + credentials(key)))
  }

  private var path: String {
    switch dialect {
    case .openAIChat: "/chat/completions"
    case .openAIResponses: "/responses"
    case .anthropicMessages: "/v1/messages"
    }
  }

  func url(of path: String) -> String {
    var base = Substring(baseURL)
    while base.utf8.last == UInt8(ascii: "/") { base.removeLast() }
    // Both forms of the base are in use for Anthropic's dialect.
    if path.hasPrefix("/v1/"), base.hasSuffix("/v1") { base.removeLast(3) }
    return base + path
  }

  func credentials(_ key: String?) -> [(String, String)] {
    let version = dialect == .anthropicMessages ? [("anthropic-version", version.rawValue)] : []
    guard let key, !key.isEmpty else { return version }
    let isBare = dialect == .anthropicMessages && self.version == .first
    return version + [isBare ? ("x-api-key", key) : ("authorization", "Bearer \(key)")]
  }

  func replacing(_ fields: [(String, String)]) -> [(name: String, value: String)] {
    let own = Set(headers.map { $0.name.lowercased() })
    return fields.filter { !own.contains($0.0) }.map { (name: $0.0, value: $0.1) } + headers
  }

  private var host: String { Adaptation.host(of: baseURL) }
}
