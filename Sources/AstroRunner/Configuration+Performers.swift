import AstroAgents
import AstroConfiguration
import AstroCore
import AstroHTTP
import AstroLLM
import Glibc

extension Configuration {
  /// The agents that perform their attempts themselves, by id. One that cannot be made, because of a key or a file that is
  /// not there, is there and says so whenever it is asked.
  func performers(
    home: Home, environment: [String: String], clock: any AstroCore.Clock, tools: ToolHost
  ) -> [String: any Performer] {
    let maker = PerformerMaker(
      configuration: self, home: home, environment: environment, clock: clock, tools: tools)
    var performers: [String: any Performer] = [:]
    for agent in agents where agent.kind.isPerformer {
      do throws(Failure) {
        performers[agent.id] = try maker.performer(for: agent)
      } catch {
        performers[agent.id] = UnavailableAgent(failure: error)
      }
    }
    return performers
  }
}

/// Makes agents from what is configured.
private struct PerformerMaker {
  let configuration: Configuration
  let home: Home
  let environment: [String: String]
  let clock: any AstroCore.Clock
  let tools: ToolHost

  func performer(for agent: AgentConfiguration) throws(Failure) -> any Performer {
    switch agent.settings {
    case .http(let settings): try http(settings, agent.id)
    case .llm(let settings): try llm(settings, agent.id, concurrency: concurrency(of: agent))
    case .mcp(let settings): mcp(settings, agent.id)
    case .command, .code, .exec:
      preconditionFailure("no performer is made for agents of type \(agent.kind.rawValue)")
    }
  }

  private func http(_ settings: HTTPSettings, _ id: String) throws(Failure) -> any Performer {
    var made = HTTPAgent.Settings(
      baseURL: settings.baseURL, timeouts: HTTPTimeouts(settings.timeouts), maxBytes: settings.maxBytes)
    (made.headers, made.secrets) = try headers(settings.headers, of: id)
    let patterns = settings.allowHosts.compactMap { HostPattern($0) }
    let transport = try HTTPClientPool(
      HTTPConfiguration(
        addresses: .publicOnly(allowing: patterns), proxies: try ProxyRules(environment: environment),
        authorities: settings.certificates.map(path)))
    return HTTPAgent(made, transport: transport, clock: clock)
  }

  /// How many calls at a time the agent and the limits of each of its tasks let be under way.
  private func concurrency(of agent: AgentConfiguration) -> Int {
    let limits = configuration.limits.filter { agent.limits.contains($0.name) }
    let bounds = limits.flatMap { [$0.bounds.concurrent] + $0.hours.map(\.bounds.concurrent) }.compactMap { $0 }
    return min(agent.maxConcurrent ?? AgentConfiguration.usualConcurrency, Int(bounds.min() ?? .max))
  }

  private func llm(
    _ settings: AstroConfiguration.LLMSettings, _ id: String, concurrency: Int
  ) throws(Failure) -> any Performer {
    var fallbacks: [AstroAgents.LLMSettings] = []
    for name in settings.fallbacks {
      guard case .llm(let other)? = configuration.agent(name)?.settings else { continue }
      fallbacks.append(try model(other, name))
    }
    let proxies: ProxyRules =
      switch settings.proxy {
      case .environment: try ProxyRules(environment: environment)
      case .none: .none
      case .url(let url): try ProxyRules(environment: ["all_proxy": url])
      }
    // The administrator says where its models are: any address will do.
    let transport = try HTTPClientPool(
      HTTPConfiguration(addresses: .allowAll, proxies: proxies, authorities: settings.certificates.map(path)))
    var own = try model(settings, id)
    own.concurrency = concurrency
    return LLMAgent(
      own, fallbacks: fallbacks, transport: transport, clock: clock,
      toolBoxes: { [tools] request, names throws(Failure) in try tools.tools(named: names, for: request) })
  }

  private func mcp(_ settings: MCPSettings, _ id: String) -> any Performer {
    // One of `mcp_servers` goes by its own name: the run's other tasks share it.
    let server = settings.server.map { server in
      let name = configuration.servers.first { $0.value == server }?.key
      return ToolServer(
        server, named: name ?? id, home: home, environment: environment,
        for: name.map { "server '\($0)'" } ?? "agent \(id)")
    }
    return MCPAgent(server, host: tools, clock: clock)
  }

  private func model(
    _ settings: AstroConfiguration.LLMSettings, _ id: String
  ) throws(Failure) -> AstroAgents.LLMSettings {
    let key: @Sendable () throws(Failure) -> String? = { [self, source = settings.key] () throws(Failure) in
      try source.map { source throws(Failure) in try secret(source, of: id, named: "api_key") }
    }
    let (headers, secrets) = try headers(settings.headers, of: id)
    var made = AstroAgents.LLMSettings(
      id: id, dialect: Dialect(settings.dialect), baseURL: settings.baseURL, model: settings.model, key: key,
      headers: headers, secrets: secrets, timeouts: HTTPTimeouts(settings.timeouts),
      version: AnthropicVersion(settings.apiVersion), tokenParameter: .init(settings.maxTokensParameter),
      prices: PriceTable(configuration.prices))
    made.retries = settings.retries
    made.defaults = settings.defaults
    return made
  }

  // MARK: Values that lie elsewhere

  /// The fields of an agent's requests, and those of their values that are secrets.
  private func headers(
    _ values: [NamedValue], of agent: String
  ) throws(Failure) -> (fields: [(name: String, value: String)], secrets: [String]) {
    var (headers, secrets): ([(name: String, value: String)], [String]) = ([], [])
    for header in values {
      switch header.value {
      case .plain(let text): headers.append((header.name, text))
      case .secret(let source):
        let value = try secret(source, of: agent, named: header.name)
        headers.append((header.name, value))
        secrets.append(value)
      }
    }
    return (headers, secrets)
  }

  private func secret(_ source: SecretPlan.Source, of agent: String, named name: String) throws(Failure) -> String {
    try SecretReader(environment: environment, home: home.root).configured(source, named: name, for: "agent \(agent)")
  }

  private func path(_ name: String) -> String { name.hasPrefix("/") ? name : "\(home.root)/\(name)" }
}

/// An agent that is configured and cannot be made.
private struct UnavailableAgent: Performer {
  let failure: Failure

  func ceiling(of request: PerformanceRequest) throws(Failure) -> CallCeiling? { nil }

  func perform(_ request: PerformanceRequest, desk: any CallDesk) async -> PerformanceResult {
    .ended(.init(.providerError, message: failure.description, infrastructure: true))
  }

  func probe() async -> String? { failure.description }
}

extension HTTPTimeouts {
  fileprivate init(_ timeouts: ExchangeTimeouts) {
    self.init(
      connect: timeouts.connect, firstByte: timeouts.firstByte, idle: timeouts.idle, total: timeouts.total)
  }
}

extension Dialect {
  fileprivate init(_ dialect: AstroConfiguration.LLMSettings.Dialect) {
    switch dialect {
    case .openAIChat: self = .openAIChat
    case .openAIResponses: self = .openAIResponses
    case .anthropicMessages: self = .anthropicMessages
    }
  }
}

extension AnthropicVersion {
  fileprivate init(_ version: AstroConfiguration.LLMSettings.APIVersion) {
    switch version {
    case .first: self = .first
    case .second: self = .second
    }
  }
}

extension Adaptation.TokenParameter {
  /// `nil`: as the host is known to have it.
  fileprivate init?(_ parameter: AstroConfiguration.LLMSettings.MaxTokensParameter) {
    switch parameter {
    case .auto: return nil
    case .maxTokens: self = .old
    case .maxCompletionTokens: self = .current
    }
  }
}
