import AstroCore
import Testing

@testable import AstroConfiguration

/// Agents of each type, as they arrive.
@Suite struct AgentTypes {
  private func agent(_ text: String, servers: String = "{}") throws -> AgentConfiguration {
    let agents = try withHome(agents: "mcp_servers: \(servers)\nagents:\n  - \(text)\n") { try load($0).agents }
    return try #require(agents.first)
  }

  @Test func whatIsNotSaidHasItsDefault() throws {
    #expect(try agent("{id: a, type: command}").settings == .command(nil))
    #expect(try agent("{id: a, type: code}").settings == .code(SandboxSettings()))
    #expect(
      try agent("{id: a, type: llm, dialect: openai_chat}").settings
        == .llm(LLMSettings(dialect: .openAIChat, baseURL: "https://api.openai.com/v1")))
    #expect(
      try agent("{id: a, type: llm, dialect: anthropic_messages}").settings
        == .llm(LLMSettings(dialect: .anthropicMessages, baseURL: "https://api.anthropic.com")))
    #expect(try agent("{id: a, type: http}").settings == .http(HTTPSettings()))
    #expect(try agent("{id: a, type: exec, command: [x]}").settings == .exec(ExecSettings(command: ["x"])))
    #expect(try agent("{id: a, type: mcp}").settings == .mcp(MCPSettings()))
  }

  @Test func onlyCommandsAreUnboundedByThemselves() throws {
    #expect(try agent("{id: a, type: command}").maxConcurrent == nil)
    #expect(try agent("{id: a, type: http}").maxConcurrent == 8)
    #expect(try agent("{id: a, type: http, max_concurrent: 3}").maxConcurrent == 3)
  }

  @Test func onlyCommandsWithoutAProgramRunWhatTasksSay() throws {
    #expect(try agent("{id: a, type: command}").form == .run)
    #expect(try agent("{id: a, type: command, preset: codex}").form == .with)
    #expect(try agent("{id: a, type: exec, command: [x]}").form == .with)
  }

  @Test func everyKeyOfAModelArrives() throws {
    let settings = try agent(
      """
      {id: a, type: llm, dialect: anthropic_messages, base_url: 'http://127.0.0.1:4000/', api_key: {file: keys/a},
          model: m, api_version: 2023-06-01, headers: {X-Team: data, X-Token: {env: TOKEN}}, ca_file: ca.pem,
          proxy: none, timeouts: {connect: 1s, first_byte: 2s, idle: 3s, total: 4s}, max_output_tokens: 5, retries: 0,
          tools: [time.now], fallbacks: []}
      """, servers: "{time: {command: [x]}}"
    ).settings
    var wanted = LLMSettings(
      dialect: .anthropicMessages, baseURL: "http://127.0.0.1:4000", key: .file("keys/a"), model: "m")
    wanted.apiVersion = .first
    wanted.headers = [
      NamedValue("X-Team", .plain("data")), NamedValue("X-Token", .secret(.environment("TOKEN"))),
    ]
    wanted.certificates = "ca.pem"
    wanted.proxy = .none
    (wanted.timeouts.connect, wanted.timeouts.firstByte) = (.seconds(1), .seconds(2))
    (wanted.timeouts.idle, wanted.timeouts.total) = (.seconds(3), .seconds(4))
    (wanted.maxOutputTokens, wanted.retries, wanted.tools) = (5, 0, ["time.now"])
    #expect(settings == .llm(wanted))
  }

  @Test func keysOfChatServersArrive() throws {
    let settings = try agent(
      "{id: a, type: llm, dialect: openai_chat, max_tokens_parameter: max_tokens, proxy: 'http://proxy:3128'}"
    ).settings
    var wanted = LLMSettings(dialect: .openAIChat)
    (wanted.maxTokensParameter, wanted.proxy) = (.maxTokens, .url("http://proxy:3128"))
    #expect(settings == .llm(wanted))
  }

  @Test func everyKeyOfHTTPArrives() throws {
    let settings = try agent(
      """
      {id: a, type: http, allow_hosts: ['*.example.org', '10.0.0.0/8'], base_url: https://x, headers: {A: 5},
          ca_file: /ca, max_bytes: 1KiB, timeouts: {}}
      """
    ).settings
    var wanted = HTTPSettings()
    (wanted.allowHosts, wanted.baseURL) = (["*.example.org", "10.0.0.0/8"], "https://x")
    (wanted.headers, wanted.certificates, wanted.maxBytes) = ([NamedValue("A", .plain("5"))], "/ca", 1024)
    #expect(settings == .http(wanted))
  }

  @Test func everyKeyOfASandboxArrives() throws {
    let settings = try agent(
      """
      {id: a, type: code, sandbox: {engine: bubblewrap, image: alpine, network: host, memory: 64MiB, pids: 9, cpus: 0.5,
          tmp_size: 1MiB, open_files: 99}}
      """
    ).settings
    var wanted = SandboxSettings()
    (wanted.engine, wanted.image, wanted.network) = (.bubblewrap, "alpine", .host)
    (wanted.memory, wanted.processes, wanted.cpus) = (64 << 20, 9, 0.5)
    (wanted.temporarySize, wanted.openFiles) = (1 << 20, 99)
    #expect(settings == .code(wanted))
  }

  @Test func programsArrive() throws {
    var own = CommandSettings(.own(["x", "{prompt}"], result: .json))
    own.environment = [NamedValue("A", .plain("b")), NamedValue("K", .secret(.environment("KEY")))]
    (own.model, own.maxTurns, own.timeout) = ("m", 5, .seconds(60))
    own.maxCost = Money(picodollars: 1_500_000_000_000)
    #expect(
      try agent(
        """
        {id: a, type: command, command: [x, '{prompt}'], result: json, env: {A: b, K: {env: KEY}}, model: m,
            max_turns: 5, max_cost_usd: 1.50, timeout: 1m}
        """
      ).settings == .command(own))
    #expect(
      try agent("{id: a, type: command, preset: claude_code}").settings
        == .command(CommandSettings(.preset(.claudeCode)))
    )
    var exec = ExecSettings(command: ["x", "5"])
    (exec.environment, exec.timeout) = ([NamedValue("A", .plain("b"))], .seconds(1))
    #expect(
      try agent("{id: a, type: exec, command: [x, 5], env: {A: b}, protocol: 1, timeout: 1}").settings == .exec(exec))
  }

  @Test func anMCPAgentHasAServerOfItsOwnOrASharedOne() throws {
    var server = MCPServerSettings(command: ["x"])
    (server.startupTimeout, server.callTimeout) = (.seconds(1), .seconds(2))
    server.environment = [NamedValue("K", .secret(.file("k")))]
    let text = "command: [x], startup_timeout: 1s, call_timeout: 2s, env: {K: {file: k}}"
    #expect(try agent("{id: a, type: mcp, \(text)}").settings == .mcp(MCPSettings(server: server)))
    #expect(
      try agent("{id: a, type: mcp, server: time}", servers: "{time: {\(text)}}").settings
        == .mcp(MCPSettings(server: server)))
    let configuration = try withHome(agents: "mcp_servers: {time: {\(text)}}\n") { try load($0) }
    #expect(configuration.servers == ["time": server] && configuration.agents == [.builtIn])
  }

  @Test func whereSecretsAreIsKnownOnceForEach() throws {
    let configuration = try withHome(
      agents: """
        mcp_servers: {time: {command: [x], env: {T: {env: TT}}}}
        agents:
          - {id: a, type: llm, dialect: openai_chat, api_key: {env: A}, headers: {H: {file: h}, P: plain}}
          - {id: b, type: mcp, server: time}
          - {id: c, type: exec, command: [x], env: {E: {env: EE}}}

        """
    ) { try load($0) }
    #expect(
      configuration.secretUses == [
        .init(user: "agent 'a': api_key", source: .environment("A")),
        .init(user: "agent 'a': headers.H", source: .file("h")),
        .init(user: "agent 'c': env.E", source: .environment("EE")),
        .init(user: "server 'time': env.T", source: .environment("TT")),
      ])
  }
}
