import AstroCore
import AstroYAML

/// Agents that speak HTTP.
extension AgentsReader {
  /// `nil` without a dialect: nothing can be said about the rest.
  mutating func llm(_ agent: MappingReader) -> LLMSettings? {
    let dialect = agent.required("dialect").flatMap { decoder.word($0, as: LLMSettings.Dialect.self) }
    var settings = LLMSettings(dialect: dialect ?? .openAIChat)
    settings.baseURL = agent.member("base_url").flatMap { baseURL($0) } ?? settings.baseURL
    settings.key = agent.member("api_key").flatMap { source($0, of: "the key") }
    settings.model = agent.member("model").flatMap(model)
    settings.headers = headers(agent)
    settings.timeouts = timeouts(agent)
    settings.certificates = agent.member("ca_file").flatMap { decoder.path($0) }
    settings.proxy = agent.member("proxy").flatMap(proxy) ?? settings.proxy
    settings.maxOutputTokens =
      agent.integer("max_output_tokens", in: RequestRange.outputTokens) ?? settings.maxOutputTokens
    settings.retries = agent.integer("retries", in: 0...20) ?? settings.retries
    let id = agent.member("id")?.text ?? ""
    settings.fallbacks = agent.member("fallbacks").flatMap { names($0, of: "agents", .fallback(of: id)) } ?? []
    settings.tools = agent.member("tools").flatMap { names($0, of: "tools", .tool) } ?? []
    readVersions(agent, dialect, into: &settings)
    return dialect == nil ? nil : settings
  }

  /// Keys of one dialect: in another they would be believed to do something.
  private func readVersions(_ agent: MappingReader, _ dialect: LLMSettings.Dialect?, into settings: inout LLMSettings) {
    settings.apiVersion = agent.word("api_version", as: LLMSettings.APIVersion.self) ?? settings.apiVersion
    settings.maxTokensParameter =
      agent.word("max_tokens_parameter", as: LLMSettings.MaxTokensParameter.self) ?? settings.maxTokensParameter
    guard let dialect else { return }
    for (key, owner) in [("api_version", .anthropicMessages), ("max_tokens_parameter", .openAIChat)]
      as [(StaticString, LLMSettings.Dialect)]
    {
      guard let node = agent.member(key), dialect != owner else { continue }
      decoder.error(
        "unused_key", "'\(key)' is for the dialect \(owner.rawValue), not \(dialect.rawValue)", at: node,
        hint: "remove it")
    }
  }

  /// A model's name, as the provider knows it.
  func model(_ node: YAMLNode) -> String? {
    guard let name = decoder.string(node) else { return nil }
    if name.isEmpty || name.hasSuffix("*") {
      decoder.error("bad_name", "\(StrictDecoder.describe(node)) is not a model's name", at: node)
    }
    return name
  }

  private func proxy(_ node: YAMLNode) -> LLMSettings.Proxy? {
    node.isText("none")
      ? LLMSettings.Proxy.none : baseURL(node, example: "http://proxy.example.org:3128, or none").map { .url($0) }
  }

  func http(_ agent: MappingReader) -> HTTPSettings {
    var settings = HTTPSettings()
    settings.allowHosts = agent.member("allow_hosts").flatMap { decoder.list($0, of: "hosts", host) } ?? []
    settings.baseURL = agent.member("base_url").flatMap { baseURL($0) }
    settings.headers = headers(agent)
    settings.certificates = agent.member("ca_file").flatMap { decoder.path($0) }
    settings.timeouts = timeouts(agent)
    settings.maxBytes = agent.size("max_bytes", in: RequestRange.answerBytes) ?? settings.maxBytes
    return settings
  }

  private func host(_ node: YAMLNode) -> String? {
    guard let text = decoder.string(node) else { return nil }
    let isHost = !text.isEmpty && !text.contains("://") && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    if !isHost {
      decoder.error(
        "bad_host", "\(StrictDecoder.describe(node)) is not a host", at: node,
        hint: "write a host, host:port, *.suffix, an address, or a block such as 10.0.0.0/8")
    }
    return text
  }
}
