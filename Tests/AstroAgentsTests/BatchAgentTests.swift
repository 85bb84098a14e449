import AstroCore
import AstroHTTP
import AstroLLM
import Foundation
import Testing

@testable import AstroAgents

/// A batch file over an llm agent in memory. One call at a time, so that the provider's answers come in the order told.
@Suite struct BatchAgentTests {
  private static let with = #"{"batch":"/v1/chat/completions"}"#

  private func line(_ id: String, body: String = #"{"model":"m","max_tokens":100,"messages":[]}"#) -> String {
    #"{"custom_id": "\#(id)", "method": "POST", "url": "/v1/chat/completions", "body": \#(body)}"# + "\n"
  }

  private func world(_ answers: [Provider.Reply], _ lines: [String]) throws -> LLMFixture {
    let world = LLMFixture(answers)
    try lines.joined().write(
      toFile: world.run.workflow(extension: "jsonl"), atomically: true, encoding: .utf8)
    return world
  }

  private func perform(_ world: LLMFixture, concurrency: Int = 1) async throws -> PerformanceResult {
    var settings = world.settings()
    settings.concurrency = concurrency
    return try await world.perform(Self.with, settings: settings)
  }

  private func says(_ text: String) -> Provider.Reply {
    .status(
      200,
      """
      {"id": "x", "model": "m-2026", "choices": [{"message": {"content": "\(text)"}, "finish_reason": "stop"}],
       "usage": {"prompt_tokens": 100, "completion_tokens": 10}}
      """, [("x-request-id", "req_\(text)")])
  }

  private func result(_ id: String, _ line: Int, _ text: String) -> String {
    #"{"id":"w-1:\#(line)","custom_id":"\#(id)","response":{"status_code":200,"request_id":"req_\#(text)","body":"#
      + #"{"id":"x","model":"m-2026","choices":[{"message":{"content":"\#(text)"},"finish_reason":"stop"}],"#
      + #""usage":{"prompt_tokens":100,"completion_tokens":10}}},"error":null}"# + "\n"
  }

  private func results(_ world: LLMFixture) -> String { world.text(world.run.results) ?? "" }

  @Test func aBodyIsPassedOnAsItIsAndItsAnswerIsAResultInOpenAIsForm() async throws {
    let body = #"{"model": "m", "stream": true, "seed": 12345678901234567890, "z": [ 1.50 ], "stream_options": {}}"#
    let world = try world([says("one"), says("two")], [line("a"), "\n", line("ü\\n", body: body)])
    let ending = try await perform(world).ending
    #expect(ending?.ending == .completed)
    #expect(ending?.outputs == ["total": "2", "completed": "2", "failed": "0"])
    #expect(results(world) == result("a", 1, "one") + result("ü\\n", 3, "two"))
    let request = try #require(world.provider.requests.last)
    #expect(request.url == "http://first/v1/chat/completions" && request.method == "POST")
    #expect(world.provider.bodies[0] == #"{"model":"m","max_tokens":100,"messages":[]}"#)
    #expect(world.provider.bodies[1] == #"{"model":"m","seed":12345678901234567890,"z":[ 1.50 ]}"#)
    #expect(request.headers.contains { $0 == ("authorization", "Bearer sk-secret-0123456789") })
    // 100 tokens at 1000 and 10 at 2000 picodollars.
    #expect(world.desk.accounts.map(\.cost) == [Money(picodollars: 120_000), Money(picodollars: 120_000)])
    #expect(world.desk.accounts.map(\.status) == [.success, .success])
    // The body's bytes, the marks around them, and the answer it allows.
    #expect(world.desk.ceilings[0].tokens == 44 + 16 + 100)
    #expect(world.desk.ceilings[1].tokens == 54 + 16 + RawCall.usualOutput)
  }

  @Test func whatAProviderRefusesForGoodIsAResultToo() async throws {
    let world = try world(
      [
        .status(400, #"{"error": {"message": "no such field", "code": "unknown"}}"#), .status(404, "nothing here"),
        says("one"),
      ], [line("a"), line("b"), line("c")])
    let ending = try await perform(world).ending
    #expect(ending?.outputs == ["total": "3", "completed": "1", "failed": "2"])
    #expect(
      results(world)
        == #"{"id":"w-1:1","custom_id":"a","response":{"status_code":400,"request_id":"","body":"#
        + #"{"error":{"message":"no such field","code":"unknown"}}},"error":null}"# + "\n"
        + #"{"id":"w-1:2","custom_id":"b","response":{"status_code":404,"request_id":"","body":"#
        + #"{"error":{"message":"nothing here"}}},"error":null}"# + "\n" + result("c", 3, "one"))
    #expect(world.desk.accounts.map(\.cost) == [.zero, .zero, Money(picodollars: 120_000)])
  }

  @Test func whatFailsInPassingIsTriedAgainAndThenAResult() async throws {
    let broken = Provider.Reply.status(503, #"{"error":{"message":"overloaded"}}"#)
    let world = try world(
      [broken, says("one"), broken, broken, broken, broken, .failure(.closed(received: 3)), says("three")]
        + [Provider.Reply](repeating: .failure(.closed(received: nil)), count: 4)
        + [Provider.Reply](repeating: .status(200, "no JSON"), count: 4) + [.failure(.timeout(.total, .seconds(600)))],
      ["a", "b", "c", "d", "e", "f"].map { line($0) })
    #expect(try await perform(world).ending?.outputs == ["total": "6", "completed": "2", "failed": "4"])
    #expect(
      results(world)
        == result("a", 1, "one")
        + #"{"id":"w-1:2","custom_id":"b","response":{"status_code":503,"request_id":"","body":"#
        + #"{"error":{"message":"overloaded"}}},"error":null}"# + "\n" + result("c", 3, "three")
        + #"{"id":"w-1:4","custom_id":"d","response":null,"error":{"code":"no_answer","message":"#
        + #""http://first/v1/chat/completions: the connection was closed before an answer came"}}"# + "\n"
        + #"{"id":"w-1:5","custom_id":"e","response":null,"error":{"code":"unusable_answer","message":"#
        + #""first: the answer cannot be used: it is no JSON"}}"# + "\n"
        + #"{"id":"w-1:6","custom_id":"f","response":null,"error":{"code":"timeout","message":"#
        + #""http://first/v1/chat/completions: not finished within 10m"}}"# + "\n")
  }

  @Test(arguments: [
    (
      [Provider.Reply.status(401, #"{"error":{"message":"bad key sk-secret-0123456789"}}"#)], AgentEnding.providerError,
      "first: 401: bad key ***"
    ),
    (
      [.status(429, #"{"error":{"message":"pay","code":"insufficient_quota"}}"#)], .providerQuota,
      "first: 429 insufficient_quota: pay"
    ),
    (
      [Provider.Reply](repeating: .failure(.connect("refused")), count: 4), .providerError,
      "http://first/v1/chat/completions: no connection: refused"
    ),
  ])
  func whatIsNoFaultOfARequestEndsTheAttemptAndLeavesItForARetry(
    answers: [Provider.Reply], ending: AgentEnding, message: String
  ) async throws {
    let world = try world([says("one")] + answers, [line("a"), line("b"), line("c")])
    let end = try await perform(world).ending
    #expect(end?.ending == ending && end?.message == message && end?.infrastructure == true)
    #expect(results(world) == result("a", 1, "one"))
    world.provider.add(says("two"), says("three"))
    #expect(try await perform(world).ending?.outputs["completed"] == "3")
    #expect(results(world) == result("a", 1, "one") + result("b", 2, "two") + result("c", 3, "three"))
  }

  @Test func aProviderThatOnlyFailsDoesNotSpoilAllRequests() async throws {
    let broken = Provider.Reply.status(503, #"{"error":{"message":"overloaded"}}"#)
    let world = try world([Provider.Reply](repeating: broken, count: 64), (1...30).map { line("r\($0)") })
    let ending = try await perform(world).ending
    #expect(ending?.ending == .providerError && ending?.infrastructure == true)
    #expect(ending?.message == "16 requests in a row came to nothing: first: 503: overloaded")
    #expect(results(world).split(separator: "\n").count == 16)
  }

  @Test func killedAtAnyByteEachRequestHasOneResultInTheEnd() async throws {
    let lines = ["a", "b", "c"].map { line($0) }
    let whole = result("a", 1, "one") + result("c", 3, "three") + result("b", 2, "two")
    for count in 0...whole.utf8.count {
      let kept = String(decoding: Array(whole.utf8.prefix(count)), as: UTF8.self)
      let done = kept.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map { $0 + "\n" }
      let missing = 3 - done.count
      let world = try world([Provider.Reply](repeating: says("again"), count: missing), lines)
      try kept.write(toFile: world.run.results, atomically: false, encoding: .utf8)
      #expect(try await perform(world, concurrency: 2).ending?.outputs["completed"] == "3")
      #expect(world.provider.requests.count == missing)
      let found = results(world).split(separator: "\n").map { $0 + "\n" }
      #expect(Array(found.prefix(done.count)) == done)
      #expect(
        Set(found.map { String($0.split(separator: ",")[1]) })
          == [#""custom_id":"a""#, #""custom_id":"b""#, #""custom_id":"c""#] && found.count == 3)
    }
  }

  @Test func aResultFileThatIsNoneIsNotAddedTo() async throws {
    let world = try world([], [line("a")])
    try "nonsense\n".write(toFile: world.run.results, atomically: false, encoding: .utf8)
    let ending = try await perform(world).ending
    #expect(
      ending?.message
        == "\(world.run.results): line 1 is not what was written, so that nobody knows which requests are done")
    #expect(results(world) == "nonsense\n")
  }

  // MARK: Limits

  @Test func aShortWaitIsTakenHereAndALongOneParksTheAttempt() async throws {
    let world = try world([says("one"), says("two")], [line("a"), line("b"), line("c")])
    let now = world.clock.now().wall
    world.desk.answer(
      .granted(CallID(1)), .notBefore(refusal("gate", until: now + .seconds(20))), .granted(CallID(2)),
      .notBefore(refusal("gate", until: now + .seconds(40))))
    #expect(
      try await perform(world)
        == .parked(refusal("gate", until: now + .seconds(40)), next: try #require(world.desk.calls.last)))
    #expect(world.slept == [.seconds(20)])
    #expect(results(world) == result("a", 1, "one") + result("b", 2, "two"))
    world.provider.add(says("three"))
    #expect(try await perform(world).ending?.outputs["completed"] == "3")
    #expect(world.provider.requests.count == 3)
  }

  private func refusal(_ limiter: String, until time: Timestamp) -> LimitRefusal {
    LimitRefusal(.limit(LimitPlace(limiter: limiter, key: "")), until: time)
  }

  @Test func aFallbackThatAsksToWaitIsNamedAndNotTheAgent() async throws {
    let late = Provider.Reply.status(503, "", [("retry-after", "3600")])
    let world = try world([.status(503), late], [line("a")])
    var first = world.settings()
    first.retries = 0
    let result = try await perform(world, first: first, fallbacks: [world.settings("second")])
    let until = world.clock.now().wall + .seconds(3600)
    // The first one is only asked again.
    #expect(
      result == .parked(LimitRefusal(.provider(of: "second"), until: until), next: try #require(world.desk.calls.first))
    )
    #expect(world.desk.calls.map(\.agent) == ["first", "second"])
  }

  @Test func aProvidersRefusalIsNoResultAndMovesTheLimit() async throws {
    let refusal = Provider.Reply.status(429, #"{"error":{"message":"slow down"}}"#, [("retry-after", "7")])
    let world = try world([refusal, .status(429), .status(429), says("one")], [line("a")])
    #expect(try await perform(world).ending?.outputs["completed"] == "1")
    #expect(results(world) == result("a", 1, "one"))
    // Not told how long, longer each time.
    #expect(world.slept == [.seconds(7), .seconds(2), .seconds(4)])
    #expect(world.desk.accounts.map(\.status) == [.refused, .refused, .refused, .success])
    #expect(world.desk.accounts[0].notice?.wait == .seconds(7) && world.desk.accounts[0].cost == .zero)
  }

  @Test func aBudgetThatIsUsedUpHoldsTheRun() async throws {
    let world = try world([says("one")], [line("a"), line("b")])
    world.desk.answer(.granted(CallID(1)), .overBudget("the day's"))
    guard case .held("the day's", let next) = try await perform(world) else {
      Issue.record("it is not held")
      return
    }
    #expect(next.agent == "first" && next.ceiling.model == "m")
    #expect(results(world) == result("a", 1, "one"))
  }

  @Test func aRunnerThatIsGoneLeavesTheRestToTheNextOne() async throws {
    let world = try world([says("one"), says("two")], [line("a"), line("b")])
    world.desk.answer(.granted(CallID(1)), .gone)
    #expect(try await perform(world) == .ended(.init(.cancelled, message: "cancelled")))
    #expect(results(world) == result("a", 1, "one"))
    #expect(try await perform(world).ending?.outputs["completed"] == "2")
    #expect(world.provider.requests.count == 2)
  }

  /// The last of the tries of a request, which would be its result otherwise.
  @Test func whatFailsWhileTheAttemptIsCancelledIsNoResult() async throws {
    let broken = Provider.Reply.failure(.closed(received: 5))
    let world = try world([broken, broken, broken, .late(broken)], [line("a")])
    let result = try await world.performCancelled(Self.with) { world.provider.requests.count == 4 }
    #expect(result == .ended(.init(.cancelled, message: "cancelled")))
    #expect(results(world) == "")
    world.provider.add(says("one"))
    #expect(try await perform(world).ending?.ending == .completed)
    #expect(results(world) == self.result("a", 1, "one"))
  }

  @Test func whatMayNeverBeSentIsLeftAndToldByItsLine() async throws {
    let world = try world([], [line("a")])
    world.desk.answer(.never("it weighs more than limit gate ever grants"))
    let ending = try await perform(world).ending
    #expect(ending?.ending == .rateLimited && ending?.infrastructure == false)
    #expect(ending?.message == "line 1: it weighs more than limit gate ever grants")
    #expect(results(world) == "")
  }

  @Test func aFileOfWhichNothingSucceedsHasFailed() async throws {
    let world = try world([.status(400), .status(400)], [line("a"), line("b")])
    let ending = try await perform(world).ending
    #expect(ending?.ending == .providerError && ending?.infrastructure == false)
    #expect(ending?.message == "none of 2 requests succeeded")
  }

  @Test func theFirstRequestTellsWhatAStartTakes() throws {
    let world = try world([], ["\n", line("a")])
    let call = try world.agent().firstCall(of: try world.request(Self.with))
    let ceiling = call?.ceiling
    // 60 tokens of a prompt at 1000 and 100 of an answer at 2000 picodollars.
    #expect(ceiling?.tokens == 160 && ceiling?.cost == Money(picodollars: 260_000) && ceiling?.model == "m")
    #expect(call?.agent == "first" && call?.line == 2)
  }

  // MARK: What a dead runner left

  @Test func resultsSayWhatTheirCallsTook() throws {
    let world = try world([], [])
    let refused =
      #"{"id":"w-1:2","custom_id":"b","response":{"status_code":400,"request_id":"","body":{"error":{}}},"error":null}"#
    let unknown = #"{"id":"w-1:3","custom_id":"c","response":null,"error":{"code":"timeout","message":"late"}}"#
    // Of the last nobody knows whether it is whole.
    try (result("a", 1, "one") + refused + "\n" + unknown + "\n" + result("d", 4, "two").dropLast()).write(
      toFile: world.run.results, atomically: false, encoding: .utf8)
    let models = Dictionary(uniqueKeysWithValues: (1...5).map { ($0, "m") })
    let accounts = try world.agent().accounts(of: models, in: world.run, at: world.clock.now().wall)
    #expect(accounts.keys.sorted() == [1, 2])
    #expect(accounts[1]?.status == .success && accounts[1]?.cost == Money(picodollars: 120_000))
    #expect(accounts[1]?.usage == TokenUsage(input: 100, output: 10) && accounts[1]?.model == "m-2026")
    #expect(accounts[2]?.status == .error && accounts[2]?.cost == .zero && accounts[2]?.usage == TokenUsage())
  }

  // MARK: Fallbacks

  private func perform(
    _ world: LLMFixture, first: LLMSettings? = nil, fallbacks: [LLMSettings]
  ) async throws -> PerformanceResult {
    var settings = first ?? world.settings()
    settings.concurrency = 1
    return try await world.perform(Self.with, fallbacks: fallbacks, settings: settings)
  }

  private func hosts(_ world: LLMFixture) -> [String] {
    world.provider.requests.compactMap { $0.url.split(separator: "/").dropFirst().first.map(String.init) }
  }

  @Test(arguments: [
    [Provider.Reply.status(429, #"{"error":{"message":"pay","code":"insufficient_quota"}}"#)],
    [.status(401, #"{"error":{"message":"bad key"}}"#)],
    [Provider.Reply](repeating: .failure(.connect("refused")), count: 4),
  ])
  func whoCanServeNobodyIsAskedNoMore(answers: [Provider.Reply]) async throws {
    let world = try world(
      [says("one")] + answers + [says("two"), says("three")], [line("a"), line("b"), line("c")])
    let ending = try await perform(world, fallbacks: [world.settings("second", model: "spare")]).ending
    #expect(ending?.outputs == ["total": "3", "completed": "3", "failed": "0"])
    #expect(
      hosts(world) == ["first"] + [String](repeating: "first", count: answers.count) + ["second", "second"])
    #expect(results(world) == result("a", 1, "one") + result("b", 2, "two") + result("c", 3, "three"))
    #expect(world.provider.bodies.last == #"{"model":"spare","max_tokens":100,"messages":[]}"#)
    #expect(world.desk.ceilings.last?.model == "spare")
  }

  /// Parked or killed, it does not find out again who can serve nobody.
  @Test func begunAgainItGoesOnWithWhomItHad() async throws {
    let world = try world([.status(401, #"{"error":{"message":"bad key"}}"#), says("one")], [line("a"), line("b")])
    let now = world.clock.now().wall
    world.desk.answer(
      .granted(CallID(1)), .granted(CallID(2)), .notBefore(refusal("gate", until: now + .seconds(40))))
    let fallbacks = [world.settings("second")]
    guard case .parked(_, let next) = try await perform(world, fallbacks: fallbacks) else {
      Issue.record("it is not parked")
      return
    }
    #expect(next?.agent == "second" && next?.line == 2)
    #expect(world.transcript.contains(#""event":"forsaken","agent_id":"first","message":"first: 401: bad key"}"#))
    world.provider.add(says("two"))
    #expect(try await perform(world, fallbacks: fallbacks).ending?.outputs["completed"] == "2")
    #expect(hosts(world) == ["first", "second", "second"])
    #expect(world.desk.calls.map(\.agent) == ["first", "second", "second", "second"])
  }

  /// How long it stays so the journal knows: it is told with the leave, and no request is sent to find out.
  @Test func begunAgainItAsksForAKeyThatWasUsedUp() async throws {
    let world = try world([says("one")], [line("a"), line("b")])
    let now = world.clock.now().wall
    world.desk.answer(
      .spent(until: now + .seconds(300), "pay"), .granted(CallID(2)),
      .notBefore(refusal("gate", until: now + .seconds(400))))
    let fallbacks = [world.settings("second")]
    guard case .parked = try await perform(world, fallbacks: fallbacks) else {
      Issue.record("it is not parked")
      return
    }
    world.provider.add(says("two"))
    #expect(try await perform(world, fallbacks: fallbacks).ending?.outputs["completed"] == "2")
    #expect(hosts(world) == ["second", "first"])
  }

  @Test func whereAllWereForsakenAllAreAskedAgain() async throws {
    let refusal = Provider.Reply.status(401)
    let world = try world([refusal, refusal, says("one")], [line("a")])
    _ = try await perform(world, fallbacks: [world.settings("second")])
    _ = try await perform(world, fallbacks: [])
    #expect(hosts(world) == ["first", "second", "first"])
  }

  @Test func aRequestThatOneGivesUpIsForTheNextAndTheOthersAreNot() async throws {
    let broken = [Provider.Reply](repeating: .status(503, #"{"error":{"message":"overloaded"}}"#), count: 4)
    let world = try world(
      broken + [says("one")] + [says("two")] + broken + broken, [line("a"), line("b"), line("c")])
    let ending = try await perform(world, fallbacks: [world.settings("second", model: nil)]).ending
    #expect(ending?.outputs == ["total": "3", "completed": "2", "failed": "1"])
    let four = [String](repeating: "first", count: 4)
    #expect(hosts(world) == four + ["second", "first"] + four + [String](repeating: "second", count: 4))
    #expect(world.provider.bodies[4] == #"{"model":"m","max_tokens":100,"messages":[]}"#)
    #expect(results(world).hasPrefix(result("a", 1, "one") + result("b", 2, "two")))
  }

  @Test func whoGivesUpOneRequestAfterTheOtherIsAskedNoMore() async throws {
    let broken = [Provider.Reply](repeating: .status(503, #"{"error":{"message":"overloaded"}}"#), count: 4)
    let answers = (1...16).flatMap { _ in broken + [says("one")] } + [says("one"), says("one")]
    let world = try world(answers, (1...18).map { line("r\($0)") })
    #expect(try await perform(world, fallbacks: [world.settings("second")]).ending?.outputs["completed"] == "18")
    #expect(hosts(world).suffix(3) == ["second", "second", "second"])
  }

  @Test func aRefusalByALimitOrOfARequestIsNoReasonToAskAnother() async throws {
    let refusal = Provider.Reply.status(429, #"{"error":{"message":"slow down"}}"#, [("retry-after", "7")])
    let world = try world(
      [refusal, says("one"), .status(400, #"{"error":{"message":"no"}}"#)], [line("a"), line("b")])
    #expect(try await perform(world, fallbacks: [world.settings("second")]).ending?.outputs["failed"] == "1")
    #expect(hosts(world) == ["first", "first", "first"])
  }

  @Test func aFallbackOfAnotherDialectIsNotAsked() async throws {
    let world = try world([.status(401, #"{"error":{"message":"bad key"}}"#)], [line("a")])
    let ending = try await perform(world, fallbacks: [world.settings("second", dialect: .anthropicMessages)]).ending
    #expect(ending?.message == "first: 401: bad key")
    #expect(hosts(world) == ["first"])
  }

  @Test func whenNobodyIsLeftTheLastOneSaysWhy() async throws {
    let world = try world(
      [
        .status(401, #"{"error":{"message":"bad key"}}"#),
        .status(429, #"{"error":{"message":"pay sk-secret-0123456789","code":"insufficient_quota"}}"#),
      ], [line("a")])
    let ending = try await perform(world, fallbacks: [world.settings("second")]).ending
    #expect(ending?.ending == .providerQuota && ending?.infrastructure == true)
    #expect(ending?.message == "second: 429 insufficient_quota: pay ***")
    #expect(results(world) == "")
  }
}
