import AstroConfiguration
import AstroCore
import Testing

@testable import AstroRunner

/// What of the configuration is part of a cached task, and what is not.
@Suite struct AgentIdentityTests {
  private let base: Configuration

  init() throws { base = try RunnerFixture().configuration }

  private func identity(
    _ agent: AgentSettings, servers: [String: MCPServerSettings] = [:], others: [AgentConfiguration] = [],
    using names: [String] = []
  ) -> JSONValue {
    let own = AgentConfiguration(id: "a", settings: agent)
    var configuration = base
    configuration.agents = [own] + others
    configuration.servers = servers
    return AgentIdentity(configuration: configuration).members(of: own, servers: names)
  }

  private func llm(_ change: (inout LLMSettings) -> Void = { _ in }) -> LLMSettings {
    var settings = LLMSettings(dialect: .openAIChat, key: .environment("KEY"), model: "m")
    change(&settings)
    return settings
  }

  @Test(
    arguments: [
      { $0.model = "n" }, { $0.baseURL = "http://other/v1" }, { $0.dialect = .openAIResponses },
      { $0.apiVersion = .first }, { $0.maxOutputTokens = 10 }, { $0.tools = ["time.now"] },
      { $0.headers = [NamedValue("X-Mode", .plain("a"))] },
      { $0.headers = [NamedValue("X-Key", .secret(.environment("A")))] },
      { $0.fallbacks = ["b"] },
    ] as [@Sendable (inout LLMSettings) -> Void])
  func whatChangesAnAnswerIsPartOfIt(_ change: @Sendable (inout LLMSettings) -> Void) {
    let other = AgentConfiguration(id: "b", settings: .llm(llm()))
    #expect(identity(.llm(llm()), others: [other]) != identity(.llm(llm(change)), others: [other]))
  }

  @Test(
    arguments: [
      { $0.timeouts.total = .seconds(1) }, { $0.retries = 0 }, { $0.key = .environment("OTHER") },
      { $0.proxy = .none }, { $0.certificates = "ca.pem" }, { $0.maxTokensParameter = .maxTokens },
    ] as [@Sendable (inout LLMSettings) -> Void])
  func whatOnlyMakesItComeOrNotIsNot(_ change: @Sendable (inout LLMSettings) -> Void) {
    #expect(identity(.llm(llm())) == identity(.llm(llm(change))))
  }

  @Test func aFallbackCountsAsItIsConfigured() {
    let asking = llm { $0.fallbacks = ["b"] }
    let one = AgentConfiguration(id: "b", settings: .llm(llm()))
    let two = AgentConfiguration(id: "b", settings: .llm(llm { $0.model = "n" }))
    #expect(identity(.llm(asking), others: [one]) != identity(.llm(asking), others: [two]))
  }

  @Test func ofASecretThePlaceCounts() {
    func header(_ source: SecretPlan.Source) -> JSONValue {
      identity(.llm(llm { $0.headers = [NamedValue("X-Key", .secret(source))] }))
    }
    #expect(header(.environment("A")) != header(.environment("B")))
    #expect(header(.environment("A")) != header(.file("A")))
  }

  @Test func theServersThatATaskUsesCount() {
    let one = ["time": MCPServerSettings(command: ["mcp-time"])]
    let two = ["time": MCPServerSettings(command: ["mcp-time", "--utc"])]
    let work = JSONValue.map(["tools": .list([.string("time.now")])])
    let names = AgentIdentity.servers(of: work, AgentConfiguration(id: "a", settings: .llm(llm())))
    #expect(names == ["time"])
    #expect(identity(.llm(llm()), servers: one, using: names) != identity(.llm(llm()), servers: two, using: names))
    #expect(identity(.llm(llm()), servers: one) == identity(.llm(llm()), servers: two))
    let call = JSONValue.map(["server": .string("time"), "tool": .string("now")])
    #expect(AgentIdentity.servers(of: call, AgentConfiguration(id: "a", settings: .mcp(MCPSettings()))) == ["time"])
    #expect(
      identity(.mcp(MCPSettings(server: one["time"]))) != identity(.mcp(MCPSettings(server: two["time"]))))
  }

  @Test func whatOtherAgentsAreConfiguredWithCounts() {
    var base = HTTPSettings()
    base.baseURL = "http://x"
    var headers = HTTPSettings()
    headers.headers = [NamedValue("A", .plain("1"))]
    #expect(Set([HTTPSettings(), base, headers].map { identity(.http($0)) }).count == 3)
    var image = SandboxSettings()
    image.image = "other"
    var network = SandboxSettings()
    network.network = .host
    #expect(Set([SandboxSettings(), image, network].map { identity(.code($0)) }).count == 3)
    var variables = ExecSettings(command: ["a"])
    variables.environment = [NamedValue("A", .plain("1"))]
    #expect(
      Set([ExecSettings(command: ["a"]), ExecSettings(command: ["b"]), variables].map { identity(.exec($0)) }).count
        == 3)
    var model = CommandSettings(.preset(.codex))
    model.model = "m"
    #expect(
      Set(
        [CommandSettings(.preset(.codex)), CommandSettings(.preset(.claudeCode)), model].map { identity(.command($0)) }
      )
      .count == 3)
  }
}
