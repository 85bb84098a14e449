import AstroCore
import AstroHTTP
import AstroLLM
import Foundation
import Testing

@testable import AstroAgents

@Suite struct LLMAgentTests {
  // MARK: One answer

  @Test func anAnswerIsTheOutputAndEveryCallIsAccountedFor() async throws {
    let world = LLMFixture([.says(" hello\n")])
    let ending = try await world.perform(#"{"prompt":"hi","system":"Be brief.","max_output_tokens":50}"#).ending
    #expect(ending?.ending == .completed && ending?.message == nil && ending?.infrastructure == false)
    #expect(
      ending?.outputs == [
        "text": " hello\n", "finish_reason": "stop", "model": "m-2026", "prompt_tokens": "100",
        "completion_tokens": "10", "cost_usd": "0.00000012",
      ])
    #expect(ending?.stdout == "hello")
    #expect(world.text("\(world.attempt)/stdout") == " hello\n")
    #expect(world.events == ["begun", "call", "answer", "ended"])
    // "hi", "Be brief." and 16 for each of two messages are 43.
    #expect(world.desk.ceilings.map(\.tokens) == [43 + 50])
    #expect(world.desk.ceilings.map(\.cost) == [Money(picodollars: 143_000)])
    #expect(
      world.desk.accounts == [
        CallAccount(
          model: "m-2026", status: .success, usage: TokenUsage(input: 100, output: 10),
          cost: Money(picodollars: 120_000), sentAt: 0, duration: .zero)
      ])
    #expect(world.provider.requests.map(\.url) == ["http://first/v1/chat/completions"])
  }

  @Test func theCeilingOfTheFirstCallIsKnownBeforehand() async throws {
    let world = LLMFixture([.says("x")])
    try Data("12345".utf8).write(to: URL(fileURLWithPath: "\(world.run.files)/a.txt"))
    let request = try world.request(#"{"prompt":"hi","files":["a.txt"],"max_output_tokens":50}"#)
    let before = try world.agent().ceiling(of: request)
    _ = await world.agent().perform(request, desk: world.desk)
    #expect(before == world.desk.ceilings.first)
  }

  @Test func membersOfAStructuredAnswerAreOutputs() async throws {
    let world = LLMFixture([.says(#"{"text":"short","list":[1,2]}"#)])
    let with = #"{"prompt":"hi","output_schema":{"type":"object","required":["text"]}}"#
    let ending = try await world.perform(with, outputs: ["list"]).ending
    #expect(ending?.outputs["text"] == "short" && ending?.outputs["list"] == "[1,2]")
  }

  @Test func aPromisedOutputThatIsMissingIsInvalid() async throws {
    let world = LLMFixture([.says("x")])
    let ending = try await world.perform(#"{"prompt":"hi"}"#, outputs: ["title"]).ending
    #expect(ending?.ending == .invalidOutput)
    #expect(ending?.message == "the promised output 'title' is not in the answer")
    #expect(ending?.outputs == [:])
  }

  @Test func whatCannotBeAnOutputIsInvalid() async throws {
    let named = LLMFixture([.says(#"{"a b":1}"#)])
    let ending = try await named.perform(#"{"prompt":"hi","output_schema":{"type":"object"}}"#).ending
    #expect(ending?.ending == .invalidOutput && ending?.outputs == [:])
    #expect(ending?.message == "'a b' is not a name of an output")
    let long = LLMFixture([.says(String(repeating: "x", count: 1 << 20))])
    let tooLong = try await long.perform(#"{"prompt":"hi"}"#).ending
    #expect(tooLong?.ending == .invalidOutput && tooLong?.outputs == [:])
    #expect(tooLong?.message == "the outputs are larger than 1 MiB")
    #expect(long.text("\(long.attempt)/stdout")?.utf8.count == 1 << 20, "the answer is kept all the same")
  }

  @Test func filesAndPicturesAreShown() async throws {
    let world = LLMFixture([.says("x")])
    try Data("one".utf8).write(to: URL(fileURLWithPath: "\(world.run.files)/a.txt"))
    try Data([0xFF, 0xD8, 0xFF]).write(to: URL(fileURLWithPath: "\(world.run.files)/b.jpg"))
    _ = try await world.perform(#"{"prompt":"hi","files":["a.txt"],"images":["b.jpg"]}"#)
    #expect(
      world.provider.bodies.first?.contains(
        #""content":[{"type":"text","text":"File a.txt:\none"},{"type":"image_url","image_url":{"url":"data:image/jpeg;base64,/9j/"}},{"type":"text","text":"hi"}]"#
      ) == true)
  }

  @Test(arguments: [
    ("link", "cannot be opened: Too many levels of symbolic links"),
    ("through/passwd", "cannot be opened: Not a directory"), ("absent", "cannot be opened: No such file or directory"),
    ("folder", "is no regular file"), ("binary", "is no text: it is not UTF-8"),
  ])
  func filesOfOthersAreNotRead(name: String, why: String) async throws {
    let world = LLMFixture([])
    let files = FileManager.default
    try files.createSymbolicLink(atPath: "\(world.run.files)/link", withDestinationPath: "/etc/passwd")
    try files.createSymbolicLink(atPath: "\(world.run.files)/through", withDestinationPath: "/etc")
    try files.createDirectory(atPath: "\(world.run.files)/folder", withIntermediateDirectories: false)
    try Data([0xFF]).write(to: URL(fileURLWithPath: "\(world.run.files)/binary"))
    let ending = try await world.perform(#"{"prompt":"hi","files":["\#(name)"]}"#).ending
    #expect(ending?.ending == .providerError && ending?.infrastructure == false)
    #expect(ending?.message == "input file '\(name)': \(why)")
  }

  @Test(arguments: [
    ("[]", "with: is a list, and not a mapping"), ("{}", "with: 'prompt' or 'messages' is missing"),
    (#"{"promt":"a"}"#, "with: unknown key 'promt'; did you mean 'prompt'?"),
    (#"{"prompt":{}}"#, "with.prompt: is a mapping, and not a text"),
    (#"{"prompt":"a","max_turns":0}"#, "with.max_turns: must be an integer from 1 to 100000"),
    (#"{"prompt":"a","max_turns":"x"}"#, "with.max_turns: must be an integer from 1 to 100000"),
    (#"{"prompt":"a","max_turns":100001}"#, "with.max_turns: must be an integer from 1 to 100000"),
    (#"{"prompt":"a","max_tool_calls":1000001}"#, "with.max_tool_calls: must be an integer from 0 to 1000000"),
    (
      #"{"prompt":"a","max_output_tokens":100000001}"#, "with.max_output_tokens: must be an integer from 1 to 100000000"
    ),
    (#"{"prompt":"a","seed":1.5}"#, "with.seed: must be an integer"),
    (#"{"prompt":"a","temperature":-1}"#, "with.temperature: must be a number from 0 to 2"),
    (#"{"prompt":"a","max_cost_usd":-1}"#, "with.max_cost_usd: must be an amount in USD"),
    (#"{"prompt":"a","max_cost_usd":9000001}"#, "with.max_cost_usd: must be an amount in USD"),
    (#"{"prompt":"a","files":[{}]}"#, "with.files: holds a mapping, and not a text"),
    (#"{"prompt":"a","files":["/etc/passwd"]}"#, "with.files: '/etc/passwd' is not a path below the run's files"),
    (#"{"prompt":"a","images":["../x.png"]}"#, "with.images: '../x.png' is not a path below the run's files"),
    (#"{"prompt":"a","files":"."}"#, "with.files: '.' is not a path below the run's files"),
    (#"{"prompt":"a","on_invalid_output":{"again":1}}"#, "with.on_invalid_output: unknown key 'again'"),
    (#"{"prompt":"a","output_schema":{"type":"x"}}"#, "with.output_schema: is no schema: /type: 'x' is no type"),
    (#"{"prompt":"a","output_schema":true}"#, "with.output_schema: is a boolean, and not a mapping"),
    (
      #"{"prompt":"a","tool_choice":"x"}"#,
      "with.tool_choice: must be auto, none, required or one of 'tools', not 'x'"
    ),
    (
      #"{"messages":[{"role":"x","content":"a"}]}"#,
      "with.messages[0].role: must be system, user or assistant, not 'x'"
    ),
    (
      #"{"messages":[{"role":"user","content":[{"type":"audio"}]}]}"#,
      "with.messages[0].content: has a part that is neither text nor image_url"
    ),
  ])
  func whatIsWrongIsToldBeforeAnythingIsSent(with: String, why: String) async throws {
    let world = LLMFixture([])
    let failure = #expect(throws: Failure.self) { try world.agent().ceiling(of: world.request(with)) }
    #expect(failure?.code == .invalidWorkflow && failure?.description == why)
    #expect(try await world.perform(with).ending?.message == why)
  }

  @Test func whatIsAskedAtTheBoundsIsRight() throws {
    let task = try LLMFixture([]).agent().task(
      JSONReader.parse(
        #"{"prompt":"a","max_turns":100000,"max_tool_calls":"1000000","max_output_tokens":100000000,"max_cost_usd":0.1}"#
      ))
    #expect(
      task.ceilings
        == StepCeilings(
          turns: 100_000, toolCalls: 1_000_000, outputTokens: 100_000_000, reasks: 2,
          cost: Money(picodollars: 100_000_000_000)))
  }

  @Test func aConversationIsGoneOnWith() async throws {
    let world = LLMFixture([.says("x")])
    let messages =
      #"[{"role":"system","content":"S"},{"role":"user","content":"A"},{"role":"assistant","content":"B"}]"#
    _ = try await world.perform(#"{"messages":\#(messages),"prompt":"C","temperature":"0.5","stop":"END"}"#)
    #expect(
      world.provider.bodies.first?.contains(
        #"[{"role":"system","content":"S"},{"role":"user","content":"A"},{"role":"assistant","content":"B"},{"role":"user","content":"C"}]"#
      ) == true)
    #expect(world.provider.bodies.first?.contains(#""temperature":0.5,"stop":["END"]"#) == true)
  }

  @Test func whatCouldNotBeSaidIsInTheTranscript() async throws {
    let world = LLMFixture([.status(200, #"{"content":[{"type":"text","text":"x"}],"stop_reason":"end_turn"}"#)])
    let settings = world.settings(dialect: .anthropicMessages)
    _ = try await world.perform(#"{"prompt":"hi","temperature":0.5}"#, settings: settings)
    let note = "temperature is not sent: version 2026-10-21 of the Messages API does not take it"
    #expect(world.transcript.contains(#""call":1,"notes":["\#(note)"]}"#))
  }

  @Test func withoutAPriceTheCostIsUnknownAndNoBoundOnItIsKept() async throws {
    let world = LLMFixture([.says("x")])
    let ending = try await world.perform(#"{"prompt":"hi","model":"other"}"#).ending
    #expect(ending?.ending == .completed && ending?.outputs["cost_usd"] == nil)
    #expect(world.desk.accounts.map(\.cost) == [nil])
    #expect(world.desk.ceilings.map(\.cost) == [nil])
    let failure = Failure(
      .invalidWorkflow, subject: "with",
      message: "'max_cost_usd' cannot be kept: the model 'other' has no price in config/models.yaml")
    #expect(throws: failure) {
      try world.agent().ceiling(of: world.request(#"{"prompt":"hi","model":"other","max_cost_usd":1}"#))
    }
  }

  @Test func secretsThatAreRepeatedAreWrittenAndToldNowhere() async throws {
    let words = #"{"key":"sk-secret-0123456789","header":"h3ader-of-the-agent","n":1}"#
    let world = LLMFixture([.says(words)])
    var settings = world.settings()
    (settings.headers, settings.secrets) = ([("X-Key", "h3ader-of-the-agent")], ["h3ader-of-the-agent"])
    let result = try await world.perform(#"{"prompt":"hi","output_schema":{"type":"object"}}"#, settings: settings)
    let ending = try #require(result.ending)
    let masked = #"{"key":"***","header":"***","n":1}"#
    #expect(ending.ending == .completed && ending.stdout == masked && ending.outputs["text"] == masked)
    #expect(ending.outputs["key"] == "***" && ending.outputs["header"] == "***" && ending.outputs["n"] == "1")
    #expect(world.text("\(world.attempt)/stdout") == masked)
    #expect(!world.transcript.contains("sk-secret") && !world.transcript.contains("h3ader"))
  }

  private func perform(_ world: LLMFixture, _ with: String, hiding secret: String) async throws -> PerformanceResult {
    var request = try world.request(with)
    request.secrets = [secret]
    return await world.agent().perform(request, desk: world.desk)
  }

  /// Also in the place where a long one is cut: half of it would not be known any more.
  @Test func theSecretsOfATaskAreHiddenInWhatToolsAnswer() async throws {
    let secret = "t4sk-secret-of-mine"
    let long = String(repeating: "x", count: LLMAttempt.longestResult - 9)
    let world = LLMFixture([.asks("clock_now"), .says("it was \(secret)")])
    world.tools.answer(.success(ToolOutcome("\(secret) \(secret.dropLast(1))\(long)\(secret) and more")))
    let result = try await perform(world, #"{"prompt":"hi","tools":["clock.now"]}"#, hiding: secret)
    #expect(result.ending?.stdout == "it was ***")
    let files = try FileManager.default.contentsOfDirectory(atPath: world.attempt)
    #expect(files.sorted() == ["stdout", "tool-1-1.txt", "transcript.jsonl"])
    for name in files {
      let text = try #require(world.text("\(world.attempt)/\(name)"))
      #expect(!text.contains(secret) && !text.contains("xt4sk"), "\(name)")
    }
    #expect(world.provider.bodies[1].contains("*** t4sk-secret-of-min"))
  }

  @Test func theSecretsOfATaskAreHiddenInWhatIsWrongWithIt() async throws {
    let secret = "t4sk-secret-of-mine"
    let result = try await perform(
      LLMFixture([]), #"{"prompt":"hi","files":["\#(secret).txt"]}"#, hiding: secret)
    let message = try #require(result.ending?.message)
    #expect(message.contains("input file '***.txt'") && !message.contains(secret))
  }

  @Test func theSecretsOfATaskAreHiddenInTheNameOfTheModel() async throws {
    let world = LLMFixture([
      .stream(
        #"{"model":"m-t4sk-secret-of-mine","choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}"#,
        #"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#, "[DONE]")
    ])
    _ = try await perform(world, #"{"prompt":"hi"}"#, hiding: "t4sk-secret-of-mine")
    #expect(world.desk.accounts.map(\.model) == ["m-***"])
  }

  // MARK: The desk

  @Test func beingThrottledParksTheAttemptAndSendsNothing() async throws {
    let world = LLMFixture([])
    let place = LimitPlace(limiter: "openai", key: "ann")
    let refusal = LimitRefusal(.limit(place, bindsOthers: false), until: Timestamp(microseconds: 5))
    world.desk.answer(.notBefore(refusal))
    let result = try await world.perform(#"{"prompt":"hi"}"#)
    #expect(result == .parked(refusal, next: try #require(world.desk.calls.first)))
    #expect(world.events.isEmpty)
  }

  @Test func aBudgetThatIsMetHoldsTheRun() async throws {
    let world = LLMFixture([])
    world.desk.answer(.overBudget("the run's budget of 1 USD is used up"))
    let result = try await world.perform(#"{"prompt":"hi"}"#)
    #expect(result == .held("the run's budget of 1 USD is used up", next: try #require(world.desk.calls.first)))
  }

  @Test func whatNoLimitEverGrantsIsNotWaitedFor() async throws {
    let world = LLMFixture([])
    world.desk.answer(.never("it weighs 5000, and the limit is 100"))
    let ending = try await world.perform(#"{"prompt":"hi"}"#).ending
    #expect(ending?.ending == .rateLimited && ending?.message == "it weighs 5000, and the limit is 100")
  }

  // MARK: The provider

  @Test func aRefusalByALimitParksAndIsNoFailure() async throws {
    let world = LLMFixture([.status(429, "", [("retry-after", "7")])])
    let result = try await world.perform(#"{"prompt":"hi"}"#)
    #expect(
      result
        == .parked(
          LimitRefusal(.provider(of: "first"), until: world.clock.now().wall + .seconds(7)),
          next: try #require(world.desk.calls.first)))
    #expect(world.desk.accounts.map(\.status) == [.refused])
    #expect(world.desk.accounts.first?.usage == TokenUsage() && world.desk.accounts.first?.cost == .zero)
    #expect(world.desk.accounts.first?.notice?.wait == .seconds(7))
    // Begun again under the same number, it goes on.
    world.provider.add(.says("x"))
    #expect(try await world.perform(#"{"prompt":"hi"}"#).ending?.ending == .completed)
    #expect(world.events == ["begun", "call", "refused", "call", "answer", "ended"])
  }

  @Test func aProviderThatDoesNotSayHowLongIsLeftAloneLongerEachTime() async throws {
    let world = LLMFixture([.status(429), .status(529), .status(429)])
    for wait in [1, 2, 4] {
      guard case .parked(let refusal, _) = try await world.perform(#"{"prompt":"hi"}"#) else {
        Issue.record("not parked")
        return
      }
      #expect(refusal.until == world.clock.now().wall + .seconds(wait))
    }
  }

  @Test func whatPassesIsTriedAgainWithBackoffAndLeaveForEachTry() async throws {
    let world = LLMFixture([.status(500), .failure(.closed(received: nil)), .status(503), .says("x")])
    let ending = try await world.perform(#"{"prompt":"hi"}"#).ending
    #expect(ending?.ending == .completed)
    #expect(world.slept == [.milliseconds(250), .milliseconds(500), .seconds(1)])
    #expect(world.desk.ceilings.count == 4)
    // What was answered with an error cost nothing; of what was sent and not answered nobody knows.
    #expect(world.desk.accounts.map(\.usage) == [TokenUsage(), nil, TokenUsage(), TokenUsage(input: 100, output: 10)])
  }

  @Test func afterFourTriesItIsTheProvidersFault() async throws {
    let world = LLMFixture([.status(500), .status(500), .status(500), .status(500)])
    let ending = try await world.perform(#"{"prompt":"hi"}"#).ending
    #expect(ending?.ending == .providerError && ending?.infrastructure == true)
    #expect(ending?.message == "first: 500")
    #expect(world.provider.requests.count == 4)
  }

  @Test func theAgentSaysHowOften() async throws {
    let world = LLMFixture([.status(500), .status(500)])
    var settings = world.settings()
    settings.retries = 1
    #expect(try await world.perform(#"{"prompt":"hi"}"#, settings: settings).ending?.ending == .providerError)
    #expect(world.provider.requests.count == 2)
  }

  @Test func whatATaskDoesNotSayTheAgentDoes() throws {
    let world = LLMFixture([])
    var settings = world.settings()
    settings.defaults = .init(maxOutputTokens: 77, tools: ["clock.now"])
    let agent = world.agent(settings)
    let usual = try agent.task(.map(["prompt": .string("hi")]))
    #expect(usual.ceilings.outputTokens == 77 && usual.tools == ["clock.now"])
    let own = try agent.task(
      .map(["prompt": .string("hi"), "max_output_tokens": .integer(5), "tools": .list([])]))
    #expect(own.ceilings.outputTokens == 5 && own.tools == [])
  }

  @Test func aProviderIsNotAskedSoonerThanItSays() async throws {
    let world = LLMFixture([.status(503, "", [("retry-after", "3")]), .says("x")])
    #expect(try await world.perform(#"{"prompt":"hi"}"#).ending?.ending == .completed)
    #expect(world.slept == [.seconds(3)])
  }

  @Test func aLongWaitIsNotWaitedForInASlot() async throws {
    let world = LLMFixture([.status(503, "", [("retry-after", "90")])])
    guard case .parked(let refusal, _) = try await world.perform(#"{"prompt":"hi"}"#) else {
      Issue.record("not parked")
      return
    }
    #expect(refusal.until == world.clock.now().wall + .seconds(90))
    #expect(world.slept.isEmpty)
  }

  @Test(arguments: [429, 503]) func nobodyIsWaitedForMoreThanAnHour(status: Int) async throws {
    let world = LLMFixture([.status(status, "", [("retry-after", "999999999999")])])
    guard case .parked(let refusal, _) = try await world.perform(#"{"prompt":"hi"}"#) else {
      Issue.record("not parked")
      return
    }
    #expect(refusal.until == world.clock.now().wall + .seconds(3600))
    #expect(world.desk.accounts.map { $0.notice?.wait } == [.seconds(3600)])
  }

  @Test func whatCouldNotBeSentCostsNothing() async throws {
    let world = LLMFixture([.failure(.connect("Connection refused")), .says("x")])
    _ = try await world.perform(#"{"prompt":"hi"}"#)
    #expect(world.desk.accounts.first?.usage == TokenUsage())
  }

  @Test func aStreamThatBreaksOffKeepsWhatHadCome() async throws {
    let half = Provider.Reply.stream(
      #"{"choices":[{"delta":{"content":"half of"}}]}"#, failure: .closed(received: 40))
    let world = LLMFixture([half])
    let ending = try await world.perform(#"{"prompt":"hi"}"#).ending
    #expect(ending?.ending == .providerError && ending?.infrastructure == true)
    #expect(
      ending?.message
        == "http://first/v1/chat/completions: the connection was closed in the middle of the answer, after 40 bytes")
    #expect(ending?.stdout == "half of" && world.text("\(world.attempt)/stdout") == "half of")
    #expect(world.desk.accounts.map(\.usage) == [nil])
  }

  @Test func anAnswerThatIsNoneIsTriedAgain() async throws {
    let page = Provider.Reply.status(200, "<html>Sign in</html>")
    let world = LLMFixture([page, page, page, page])
    let ending = try await world.perform(#"{"prompt":"hi"}"#).ending
    #expect(ending?.ending == .providerError)
    #expect(ending?.message == "first: the answer cannot be used: it is no stream of a model's answer")
  }

  @Test func theTimeOfACallIsBounded() async throws {
    let world = LLMFixture([.failure(.timeout(.total, .seconds(600)))])
    let ending = try await world.perform(#"{"prompt":"hi"}"#).ending
    #expect(ending?.ending == .timeout && ending?.infrastructure == true)
    #expect(ending?.message == "http://first/v1/chat/completions: not finished within 10m")
  }

  @Test func aWrongKeyIsTheAgentsFaultAndIsNotTriedAgain() async throws {
    let body = #"{"error":{"message":"Incorrect API key provided: sk-secret-0123456789","code":"invalid_api_key"}}"#
    let world = LLMFixture([.status(401, body)])
    let ending = try await world.perform(#"{"prompt":"hi"}"#).ending
    #expect(ending?.ending == .providerError && ending?.infrastructure == true)
    #expect(ending?.message == "first: 401 invalid_api_key: Incorrect API key provided: ***")
    #expect(!world.transcript.contains("sk-secret"))
  }

  /// A provider's words are cut to 500 characters; cut before they are masked, half a key would be told.
  @Test func aKeyAtTheEndOfAProvidersWordsIsMaskedWhole() async throws {
    let words = String(repeating: "x", count: 490) + "sk-secret-0123456789"
    let error = #"{"error":{"message":"\#(words)","code":"invalid_api_key"}}"#
    let told = "first: 401 invalid_api_key: " + String(repeating: "x", count: 490) + "***"
    for reply in [Provider.Reply.status(401, error), .stream(error)] {
      let world = LLMFixture([reply])
      #expect(try await world.perform(#"{"prompt":"hi"}"#).ending?.message == told)
      #expect(!world.transcript.contains("sk-"))
    }
  }

  @Test func aKeyThatCannotBeReadIsTheAgentsFault() async throws {
    let world = LLMFixture([])
    var settings = world.settings()
    settings.key = { () throws(Failure) in
      throw Failure(.configuration, subject: "OPENAI_API_KEY", message: "is not set")
    }
    let ending = try await world.perform(#"{"prompt":"hi"}"#, settings: settings).ending
    #expect(ending?.message == "first: OPENAI_API_KEY: is not set" && ending?.infrastructure == true)
  }

  @Test(arguments: [
    (
      "context_length_exceeded", AgentEnding.maxTokens,
      "the prompt is too long: first: 400 context_length_exceeded: why"
    ),
    ("content_filter", .refused, "first: 400 content_filter: why"), ("x", .providerError, "first: 400 x: why"),
  ])
  func theTasksOwnFaultIsNotTheAgents(code: String, ending: AgentEnding, message: String) async throws {
    let world = LLMFixture([.status(400, #"{"error":{"message":"why","code":"\#(code)"}}"#)])
    let end = try await world.perform(#"{"prompt":"hi"}"#).ending
    #expect(end?.ending == ending && end?.message == message && end?.infrastructure == false)
  }

  @Test func aKeyWithoutMoneyIsTold() async throws {
    let world = LLMFixture([.status(429, #"{"error":{"message":"why","code":"insufficient_quota"}}"#)])
    let ending = try await world.perform(#"{"prompt":"hi"}"#).ending
    #expect(ending?.ending == .providerQuota && ending?.message == "first: 429 insufficient_quota: why")
    #expect(world.desk.accounts.map(\.notice) == [ProviderNotice(quota: "429 insufficient_quota: why")])
  }

  @Test func aKeyThatIsUsedUpIsWaitedFor() async throws {
    let world = LLMFixture([])
    let time = world.clock.now().wall + .seconds(300)
    world.desk.answer(.spent(until: time, "pay"))
    let result = try await world.perform(#"{"prompt":"hi"}"#)
    let refusal = LimitRefusal(.key(of: "first"), until: time)
    #expect(result == .parked(refusal, next: try #require(world.desk.calls.first)))
    #expect(refusal.place == LimitPlace(limiter: "provider_quota", key: "first"))
  }

  @Test func whereAKeyIsUsedUpTheFallbackIsAsked() async throws {
    let world = LLMFixture([.says("x")])
    world.desk.answer(.spent(until: world.clock.now().wall + .seconds(300), "pay"))
    let ending = try await world.perform(#"{"prompt":"hi"}"#, fallbacks: [world.settings("second")]).ending
    #expect(ending?.ending == .completed)
    #expect(world.provider.requests.map(\.url) == ["http://second/v1/chat/completions"])
    #expect(world.transcript.contains("the key of 'first' is used up: pay"))
  }

  @Test func aParameterThatIsNotTakenIsReplacedOnceAndForAll() async throws {
    let refusal = Provider.Reply.status(
      400, #"{"error":{"message":"Unsupported parameter","param":"max_tokens","code":"unsupported_parameter"}}"#)
    let world = LLMFixture([refusal, .says("x"), .says("y")])
    let agent = world.agent()
    var request = try world.request(#"{"prompt":"hi"}"#)
    #expect(await agent.perform(request, desk: world.desk).ending?.ending == .completed)
    request.key = AttemptKey(workflow: request.key.workflow, task: "other", number: 1)
    #expect(await agent.perform(request, desk: world.desk).ending?.ending == .completed)
    #expect(world.provider.bodies.map { $0.contains("max_completion_tokens") } == [false, true, true])
    #expect(world.slept.isEmpty)
  }

  // MARK: Fallbacks

  @Test func aFallbackAnswersWhereTheAgentCannot() async throws {
    let world = LLMFixture([
      .status(402), .status(200, #"{"content":[{"type":"text","text":"yes"}],"stop_reason":"end_turn"}"#),
    ])
    let second = world.settings("second", dialect: .anthropicMessages, model: "claude")
    let ending = try await world.perform(#"{"prompt":"hi","model":"m"}"#, fallbacks: [second]).ending
    #expect(ending?.ending == .completed && ending?.outputs["text"] == "yes")
    #expect(world.provider.requests.map(\.url) == ["http://first/v1/chat/completions", "http://second/v1/messages"])
    #expect(world.provider.bodies[1].contains(#""model":"claude""#))
    #expect(world.events == ["begun", "call", "error", "fallback", "call", "answer", "ended"])
  }

  @Test(arguments: [Provider.Reply.says("x", finish: "content_filter"), .status(400)])
  func aFallbackIsNotAskedForWhatIsTheTasksOwn(reply: Provider.Reply) async throws {
    let world = LLMFixture([reply])
    let ending = try await world.perform(#"{"prompt":"hi"}"#, fallbacks: [world.settings("second")]).ending
    #expect(ending?.ending == .refused || ending?.ending == .providerError)
    #expect(world.provider.requests.count == 1)
  }

  @Test func leaveForAFallbackIsAskedInItsName() async throws {
    let world = LLMFixture([.status(402), .says("x")])
    let refusal = LimitRefusal(.limit(LimitPlace(limiter: "theirs", key: "")), until: Timestamp(microseconds: 9))
    world.desk.answer(.granted(CallID(1)), .notBefore(refusal))
    let fallbacks = [world.settings("second", model: "n")]
    let result = try await world.perform(#"{"prompt":"hi"}"#, fallbacks: fallbacks)
    let calls = world.desk.calls
    #expect(calls.map(\.agent) == ["first", "second"] && calls.map(\.ceiling.model) == ["m", "n"])
    // It is waited for, and begun with: nobody asks the first one again.
    #expect(result == .parked(refusal, next: calls[1]))
    #expect(try await world.perform(#"{"prompt":"hi"}"#, fallbacks: fallbacks).ending?.ending == .completed)
    #expect(world.desk.calls.last?.agent == "second")
  }

  @Test func aFallbackThatCanNeverBeAskedIsPassedOver() async throws {
    let world = LLMFixture([.status(402), .says("x")])
    world.desk.answer(.granted(CallID(1)), .never("too much"))
    let fallbacks = [world.settings("second"), world.settings("third")]
    #expect(try await world.perform(#"{"prompt":"hi"}"#, fallbacks: fallbacks).ending?.ending == .completed)
    #expect(world.provider.requests.map(\.url).last == "http://third/v1/chat/completions")
    #expect(world.transcript.contains("too much"))
  }

  @Test func theLastFallbackThatCanNeverBeAskedEndsTheStep() async throws {
    let world = LLMFixture([.status(402)])
    world.desk.answer(.granted(CallID(1)), .never("too much"))
    let ending = try await world.perform(#"{"prompt":"hi"}"#, fallbacks: [world.settings("second")]).ending
    #expect(ending?.ending == .rateLimited && ending?.message == "too much")
  }

  @Test func aFallbackStaysTheOneThatIsAskedAfterACrash() async throws {
    let world = LLMFixture([.status(401), .status(429)])
    let fallbacks = [world.settings("second")]
    _ = try await world.perform(#"{"prompt":"hi"}"#, fallbacks: fallbacks)
    world.provider.add(.says("x"))
    _ = try await world.perform(#"{"prompt":"hi"}"#, fallbacks: fallbacks)
    #expect(
      world.provider.requests.map(\.url).suffix(2) == [
        "http://second/v1/chat/completions", "http://second/v1/chat/completions",
      ])
  }

  // MARK: Probe

  @Test(
    arguments: [
      (Provider.Reply.status(200), nil), (.status(404), nil),
      (.status(401), "http://first/v1 refuses the key: status 401"),
      (.status(502), "http://first/v1 answers with status 502"),
      (.failure(.connect("Connection refused")), "http://first/v1/models: no connection: Connection refused"),
    ] as [(Provider.Reply, String?)])
  func aProbeAsksForTheModels(reply: Provider.Reply, problem: String?) async throws {
    let world = LLMFixture([reply])
    #expect(await world.agent().probe() == problem)
    #expect(world.provider.requests.map(\.method) == ["GET"])
  }

  @Test func cancellingEndsACallThatIsUnderWay() async throws {
    let world = LLMFixture([.silence])
    let result = try await world.performCancelled(#"{"prompt":"hi"}"#) { !world.provider.requests.isEmpty }
    #expect(result == .ended(.init(.cancelled, message: "cancelled")))
    #expect(world.desk.accounts.map(\.usage) == [nil])
  }
}
