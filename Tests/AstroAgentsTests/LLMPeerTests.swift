import AstroCore
import AstroHTTP
import AstroLLM
import Foundation
import Testing

@testable import AstroAgents

/// Against servers that none of us wrote; `Tests/RealComponentTests/llm.sh` starts them and says where they are.
private enum Peer {
  static func address(_ name: String) -> String? { ProcessInfo.processInfo.environment[name] }
  /// LiteLLM's proxy, with the models of `Tests/RealComponentTests/llm/`.
  static let proxy = address("ASTRO_LITELLM")
  /// The server of llama.cpp, with a model of random weights.
  static let llama = address("ASTRO_LLAMA")
  static let llamaKey = address("ASTRO_LLAMA_KEY") ?? ""
}

@Suite(.serialized) struct LLMPeerTests {
  private func perform(
    _ url: String, _ dialect: Dialect, _ with: String, version: AnthropicVersion = .first, key: String = "sk-free-key"
  ) async throws -> (result: PerformanceResult, world: LLMFixture) {
    let world = LLMFixture([])
    let pool = try HTTPClientPool()
    let settings = LLMSettings(
      id: "peer", dialect: dialect, baseURL: url, key: { key }, version: version, prices: LLMFixture.prices)
    let agent = LLMAgent(
      settings, transport: pool, clock: TestClock(), toolBoxes: { _, _ in world.tools }, sleep: { _ in },
      random: { 0.5 })
    let result = await agent.perform(try world.request(with), desk: world.desk)
    await pool.shutdown()
    return (result, world)
  }

  private static let dialects: [(Dialect, AnthropicVersion)] = [
    (.openAIChat, .first), (.openAIResponses, .first), (.anthropicMessages, .first), (.anthropicMessages, .second),
  ]

  @Test(.enabled(if: Peer.proxy != nil), arguments: dialects)
  func liteLLMAnswers(dialect: Dialect, version: AnthropicVersion) async throws {
    let peer = try await perform(
      try #require(Peer.proxy), dialect, #"{"model":"scripted-echo","prompt":"Grüße 😀 out there","temperature":0}"#,
      version: version)
    #expect(peer.result.ending?.ending == .completed)
    #expect(peer.result.ending?.stdout == "Grüße 😀 out there")
    #expect(peer.world.desk.accounts.map(\.status) == [.success])
    let usage = try #require(peer.world.desk.accounts.first?.usage)
    #expect(usage.output > 0 && usage.prompt > 0 && usage.total <= peer.world.desk.ceilings[0].tokens)
  }

  @Test(.enabled(if: Peer.proxy != nil), arguments: dialects)
  func liteLLMAsksForATool(dialect: Dialect, version: AnthropicVersion) async throws {
    let peer = try await perform(
      try #require(Peer.proxy), dialect, #"{"model":"scripted-once","prompt":"time?","tools":["clock.now"]}"#,
      version: version)
    #expect(peer.result.ending?.ending == .completed, "\(peer.result)")
    #expect(peer.result.ending?.stdout == "the tool said 12")
    #expect(peer.world.tools.calls == [#"clock.now {"zone":"UTC"}"#])
  }

  @Test(.enabled(if: Peer.proxy != nil), arguments: dialects)
  func aModelThatNeverStopsIsStopped(dialect: Dialect, version: AnthropicVersion) async throws {
    let peer = try await perform(
      try #require(Peer.proxy), dialect,
      #"{"model":"scripted-loop","prompt":"time?","tools":["clock.now"],"max_turns":3}"#, version: version)
    #expect(peer.result.ending?.ending == .maxTurns)
    #expect(peer.world.desk.accounts.count == 3 && peer.world.tools.calls.count == 2)
  }

  @Test(.enabled(if: Peer.proxy != nil), arguments: dialects)
  func anAnswerThatIsNotValidIsAskedForAgain(dialect: Dialect, version: AnthropicVersion) async throws {
    let schema = #"{"type":"object","required":["n"],"properties":{"n":{"type":"integer"}}}"#
    let peer = try await perform(
      try #require(Peer.proxy), dialect,
      #"{"model":"scripted-badjson","prompt":"count","output_schema":\#(schema)}"#, version: version)
    #expect(peer.result.ending?.outputs["n"] == "42", "\(peer.result)")
    #expect(peer.world.desk.accounts.count == 2)
  }

  @Test(
    .enabled(if: Peer.proxy != nil),
    arguments: [
      ("mock-500", AgentEnding.providerError, 4, true), ("mock-toolong", .maxTokens, 1, false),
      ("absent", .providerError, 1, true),
    ])
  func liteLLMsErrorsAreToldApart(model: String, ending: AgentEnding, calls: Int, infrastructure: Bool) async throws {
    let peer = try await perform(
      try #require(Peer.proxy), .openAIChat, #"{"model":"\#(model)","prompt":"x"}"#)
    #expect(peer.result.ending?.ending == ending && peer.result.ending?.infrastructure == infrastructure)
    #expect(peer.world.desk.accounts.count == calls)
  }

  @Test(.enabled(if: Peer.proxy != nil))
  func liteLLMsOwnLimitParks() async throws {
    let url = try #require(Peer.proxy)
    var waits: [Duration] = []
    for _ in 0..<4 {
      let peer = try await perform(url, .openAIChat, #"{"model":"scripted-echo","prompt":"x"}"#, key: "sk-rpm2-key")
      if case .parked = peer.result, let wait = peer.world.desk.accounts.last?.notice?.wait { waits.append(wait) }
    }
    #expect(waits.count >= 1 && waits.allSatisfy { $0 > .zero && $0 <= .seconds(60) })
  }

  @Test(.enabled(if: Peer.proxy != nil), arguments: [Dialect.openAIChat, .anthropicMessages])
  func aRefusalByTheModelsLimitParks(dialect: Dialect) async throws {
    let peer = try await perform(try #require(Peer.proxy), dialect, #"{"model":"mock-429","prompt":"x"}"#)
    guard case .parked = peer.result else {
      Issue.record("not parked: \(peer.result)")
      return
    }
    #expect(peer.world.desk.accounts.map(\.status) == [.refused])
  }

  @Test(.enabled(if: Peer.proxy != nil), arguments: dialects)
  func aWrongKeyIsNamedAndNotShown(dialect: Dialect, version: AnthropicVersion) async throws {
    let peer = try await perform(
      try #require(Peer.proxy), dialect, #"{"model":"scripted-echo","prompt":"x"}"#, version: version,
      key: "sk-wrong-0123456789")
    #expect(peer.result.ending?.infrastructure == true)
    #expect(peer.result.ending?.message == "peer: 401 invalid_request_error: Incorrect API key provided")
    #expect(!peer.world.transcript.contains("sk-wrong"))
  }

  @Test(.enabled(if: Peer.llama != nil))
  func llamaCountsAndCuts() async throws {
    let peer = try await perform(
      try #require(Peer.llama), .openAIChat, #"{"model":"tiny","prompt":"a task","max_output_tokens":8,"seed":1}"#,
      key: Peer.llamaKey)
    let usage = try #require(peer.world.desk.accounts.first?.usage, "\(peer.result)")
    #expect(usage.output <= 8 && usage.total <= peer.world.desk.ceilings[0].tokens)
    #expect(peer.result.ending?.ending == (usage.output == 8 ? .maxTokens : .completed))
  }

  @Test(.enabled(if: Peer.llama != nil))
  func llamaKeepsASchema() async throws {
    let with = #"{"model":"tiny","prompt":"x","max_output_tokens":64,"output_schema":{"type":"boolean"}}"#
    let peer = try await perform(try #require(Peer.llama), .openAIChat, with, key: Peer.llamaKey)
    #expect(peer.result.ending?.ending == .completed, "\(peer.result)")
    #expect(["true", "false"].contains(peer.result.ending?.stdout ?? ""))
  }

  @Test(.enabled(if: Peer.llama != nil))
  func llamasContextIsTheTasksLimit() async throws {
    let prompt = String(repeating: "task ", count: 2000)
    let peer = try await perform(
      try #require(Peer.llama), .openAIChat, #"{"model":"tiny","prompt":"\#(prompt)"}"#, key: Peer.llamaKey)
    #expect(peer.result.ending?.ending == .maxTokens && peer.result.ending?.infrastructure == false, "\(peer.result)")
  }
}
