import AstroCore
import AstroLLM
import Testing

@Suite struct StepLoopTests {
  private static let schema = JSONValue.map([
    "type": .string("object"), "required": .list([.string("n")]),
    "properties": .map(["n": .map(["type": .string("integer")])]),
  ])
  private let target = CallTarget(
    model: "m", price: ModelPrice(model: "m", input: 1000, output: 2000),
    estimator: TokenEstimator(dialect: .openAIChat))

  private func plan(
    _ ceilings: StepCeilings = StepCeilings(), tools: [String] = [], schema: JSONValue? = nil
  ) throws -> StepPlan {
    var plan = StepPlan(
      conversation: Conversation(messages: [.user("go")]), tools: tools.map { ToolDescription(name: $0) },
      ceilings: ceilings)
    if let schema { try plan.demand(schema) }
    return plan
  }

  private func said(_ text: String, _ finish: FinishReason = .stop, output: Int64 = 10) -> Answer {
    Answer(message: AssistantMessage(text: text), finish: finish, usage: TokenUsage(input: 20, output: output))
  }

  private func asks(_ names: String..., text: String = "") -> Answer {
    let calls = names.enumerated().map { ToolCall(id: "c\($0)", name: $1, arguments: "{}") }
    return Answer(
      message: AssistantMessage(text: text, toolCalls: calls), finish: .toolCalls,
      usage: TokenUsage(input: 20, output: 10))
  }

  private static let cost = Money(picodollars: 40_000)

  /// The next call; fails the test where there is none.
  private func call(_ loop: inout StepLoop, _ place: SourceLocation = #_sourceLocation) -> ModelRequest? {
    guard case .call(let call, _) = loop.next(target) else {
      Issue.record("no call: \(loop.next(target))", sourceLocation: place)
      return nil
    }
    return call
  }

  private func ending(_ loop: inout StepLoop) -> StepEnding? {
    if case .end(let ending) = loop.next(target) { ending } else { nil }
  }

  @Test func oneAnswerCompletes() throws {
    var loop = StepLoop(try plan())
    #expect(call(&loop)?.conversation.messages == [.user("go")])
    #expect(call(&loop)?.maxOutputTokens == 4096)
    loop.receive(said("hello"), cost: Self.cost)
    #expect(ending(&loop) == StepEnding(.completed, text: "hello", finish: .stop))
    #expect(loop.cost == Self.cost && loop.turns == 1 && loop.usage == TokenUsage(input: 20, output: 10))
  }

  @Test func toolsAreCalledAndTheirResultsGoBack() throws {
    var loop = StepLoop(try plan(tools: ["now"]))
    _ = call(&loop)
    loop.receive(asks("now", "other"), cost: Self.cost)
    guard case .run(let calls) = loop.next(target) else {
      Issue.record("no tools")
      return
    }
    #expect(calls.map(\.name) == ["now", "other"])
    loop.receive([ToolResult(id: "c0", text: "12"), ToolResult(id: "c1", text: "no", isError: true)])
    let messages = call(&loop)?.conversation.messages
    #expect(messages?.count == 3)
    #expect(
      messages?.last == .results([ToolResult(id: "c0", text: "12"), ToolResult(id: "c1", text: "no", isError: true)]))
    loop.receive(said("noon"), cost: Self.cost)
    #expect(ending(&loop)?.ending == .completed)
    #expect(loop.toolCalls == 2)
  }

  // MARK: Ceilings

  @Test func aModelThatNeverStopsIsStoppedAtExactlyItsTurns() throws {
    var loop = StepLoop(try plan(StepCeilings(turns: 3), tools: ["now"]))
    for turn in 1...3 {
      let request = call(&loop)
      #expect(request?.toolChoice == (turn == 3 ? ToolChoice.none : .auto))
      #expect(request?.tools.count == 1)
      if turn == 3 {
        #expect(
          request?.conversation.messages.last
            == .user(
              "This is your last turn: no tool can be called any more. Give your final answer now, from what you have.")
        )
      }
      loop.receive(asks("now", text: "turn \(turn)"), cost: Self.cost)
      if turn < 3 { loop.receive([ToolResult(id: "c0", text: "12")]) }
    }
    #expect(
      ending(&loop)
        == StepEnding(
          .maxTurns, message: "the model still asks for tools in its last turn: 3 turns at most", text: "turn 3",
          finish: .toolCalls))
    #expect(loop.turns == 3)
  }

  @Test func whatIsToldToConcludeMayStillComplete() throws {
    var loop = StepLoop(try plan(StepCeilings(turns: 1), tools: ["now"]))
    #expect(call(&loop)?.toolChoice == ToolChoice.none)
    loop.receive(said("all I know"), cost: Self.cost)
    #expect(ending(&loop)?.ending == .completed)
  }

  @Test func moreToolCallsThanAllowedAreNotMade() throws {
    var loop = StepLoop(try plan(StepCeilings(toolCalls: 2), tools: ["now"]))
    _ = call(&loop)
    loop.receive(asks("now", "now", "now"), cost: Self.cost)
    guard case .run(let calls) = loop.next(target) else {
      Issue.record("no tools")
      return
    }
    #expect(calls.map(\.id) == ["c0", "c1"])
    loop.receive(calls.map { ToolResult(id: $0.id, text: "12") })
    let request = call(&loop)
    #expect(request?.toolChoice == ToolChoice.none)
    #expect(
      request?.conversation.messages[2]
        == .results([
          ToolResult(id: "c0", text: "12"), ToolResult(id: "c1", text: "12"),
          ToolResult(id: "c2", text: "not called: the task allows 2 tool calls", isError: true),
        ]))
    loop.receive(asks("now"), cost: Self.cost)
    #expect(ending(&loop)?.ending == .maxToolCalls)
    #expect(ending(&loop)?.message == "the model still asks for tools in its last turn: 2 tool calls at most")
  }

  /// A call that may cost too much is not made, however much is left.
  @Test func theCallThatMightCrossTheCeilingIsNotMade() throws {
    // 2 bytes and two messages of 16: 34 tokens; 100 of the answer.
    let worst = Money(picodollars: 34 * 1000 + 100 * 2000)
    var enough = StepLoop(try plan(StepCeilings(outputTokens: 100, cost: worst)))
    #expect(call(&enough) != nil)
    var short = StepLoop(try plan(StepCeilings(outputTokens: 100, cost: worst - Money(picodollars: 1))))
    #expect(
      ending(&short)
        == StepEnding(
          .maxCost,
          message: "the next call may cost 0.000000234 USD, and of 0.000000233999 USD 0.000000233999 USD are left"))
    #expect(short.turns == 0)
  }

  @Test func beforeTheMoneyIsSpentTheModelIsToldToConclude() throws {
    var loop = StepLoop(try plan(StepCeilings(outputTokens: 1000, cost: Money(picodollars: 5_000_000)), tools: ["now"]))
    #expect(call(&loop)?.toolChoice == .auto)
    loop.receive(asks("now"), cost: Money(picodollars: 1_000_000))
    loop.receive([ToolResult(id: "c0", text: "12")])
    // 1,000,000 spent, as much again likely, and up to 2,7 million for one more: all fits.
    #expect(call(&loop)?.toolChoice == .auto)
    loop.receive(asks("now"), cost: Money(picodollars: 1_000_000))
    loop.receive([ToolResult(id: "c0", text: "12")])
    #expect(call(&loop)?.toolChoice == ToolChoice.none)
    loop.receive(asks("now"), cost: Money(picodollars: 1_000_000))
    #expect(ending(&loop)?.ending == .maxCost)
    #expect(ending(&loop)?.message == "the model still asks for tools in its last turn: 0.000005 USD at most")
  }

  @Test func aBoundOnCostNeedsAPrice() throws {
    var loop = StepLoop(try plan(StepCeilings(cost: Money(picodollars: .max))))
    let unknown = CallTarget(model: "m", price: nil, estimator: TokenEstimator(dialect: .openAIChat))
    guard case .end(let ending) = loop.next(unknown) else {
      Issue.record("a call was made")
      return
    }
    #expect(ending.message == "the model 'm' has no price, so that max_cost_usd cannot be kept")
  }

  @Test func whatACallCostIsNotKnownIsCountedAtItsMost() throws {
    var loop = StepLoop(try plan(StepCeilings(outputTokens: 100)))
    _ = call(&loop)
    loop.receive(Answer(message: AssistantMessage(text: "hi")), cost: nil)
    #expect(loop.cost == Money(picodollars: 234_000))
    #expect(loop.usage.output == 2)
  }

  @Test func theTokensOfAllAnswersAreBounded() throws {
    var loop = StepLoop(try plan(StepCeilings(outputTokens: 25), tools: ["now"]))
    for left in [25, 15, 5] as [Int64] {
      #expect(call(&loop)?.maxOutputTokens == left)
      loop.receive(asks("now"), cost: Self.cost)
      loop.receive([ToolResult(id: "c0", text: "12")])
    }
    #expect(ending(&loop) == StepEnding(.maxTokens, message: "all 25 output tokens are used up", finish: .toolCalls))
  }

  @Test func aTextThatIsCutOffIsKept() throws {
    var loop = StepLoop(try plan(StepCeilings(outputTokens: 10)))
    _ = call(&loop)
    loop.receive(said("It was a dark and", .length), cost: Self.cost)
    #expect(
      ending(&loop)
        == StepEnding(
          .maxTokens, message: "the answer was cut off after 10 output tokens", text: "It was a dark and",
          finish: .length))
  }

  @Test func ofADemandedValueAPartIsOfNoUse() throws {
    var loop = StepLoop(try plan(schema: Self.schema))
    _ = call(&loop)
    loop.receive(said(#"{"n":"#, .length), cost: Self.cost)
    #expect(ending(&loop)?.ending == .truncated)
    #expect(ending(&loop)?.message == "the answer was cut off after 10 output tokens, and is of no use in part")
  }

  @Test func aFullContextTruncates() throws {
    var loop = StepLoop(try plan())
    _ = call(&loop)
    loop.receive(said("half", .contextFull), cost: Self.cost)
    #expect(
      ending(&loop)
        == StepEnding(.truncated, message: "the model's context is full", text: "half", finish: .contextFull))
  }

  // MARK: Refusals, schemas

  @Test func aRefusalEndsIt() throws {
    var loop = StepLoop(try plan())
    _ = call(&loop)
    loop.receive(said("", .refused("I cannot.")), cost: Self.cost)
    #expect(ending(&loop)?.ending == .refused)
    #expect(ending(&loop)?.message == "the model refuses: I cannot.")
  }

  @Test func aValidAnswerIsTheValue() throws {
    var loop = StepLoop(try plan(schema: Self.schema))
    #expect(call(&loop)?.answerSchema?.schema == Self.schema)
    loop.receive(said("```json\n{\"n\":42}\n```"), cost: Self.cost)
    #expect(ending(&loop)?.value == .map(["n": .integer(42)]))
  }

  @Test func anInvalidAnswerIsAskedForAgainWithWhatIsWrongWithIt() throws {
    var loop = StepLoop(try plan(schema: Self.schema))
    _ = call(&loop)
    loop.receive(said("The answer is 42."), cost: Self.cost)
    #expect(
      call(&loop)?.conversation.messages.suffix(2) == [
        .assistant(AssistantMessage(text: "The answer is 42.")),
        .user("The answer holds no JSON value.\nAnswer again with nothing but JSON that is valid against the schema."),
      ])
    loop.receive(said(#"{"n":"42"}"#), cost: Self.cost)
    #expect(
      call(&loop)?.conversation.messages.last
        == .user(
          """
          The answer is not valid against the schema:
          - /n: it must be of type integer, not string.
          Answer again with nothing but JSON that is valid against the schema.
          """))
    loop.receive(said(#"{"n":42}"#), cost: Self.cost)
    #expect(ending(&loop)?.ending == .completed)
    #expect(loop.turns == 3)
  }

  @Test func askingAgainHasAnEnd() throws {
    var loop = StepLoop(try plan(StepCeilings(reasks: 1), schema: Self.schema))
    for _ in 0..<2 {
      _ = call(&loop)
      loop.receive(said("{}"), cost: Self.cost)
    }
    #expect(
      ending(&loop)
        == StepEnding(
          .invalidOutput, message: "the answer does not fit output_schema: the member 'n' is missing", text: "{}",
          finish: .stop))
  }

  @Test func withoutATurnLeftNothingIsAskedAgain() throws {
    var loop = StepLoop(try plan(StepCeilings(turns: 1), schema: Self.schema))
    _ = call(&loop)
    loop.receive(said("{}"), cost: Self.cost)
    #expect(
      ending(&loop)?.message
        == "the answer does not fit output_schema: the member 'n' is missing, and no turn is left to ask again")
  }

  @Test func aPausedAnswerGoesOn() throws {
    var loop = StepLoop(try plan(StepCeilings(turns: 2)))
    _ = call(&loop)
    loop.receive(said("so far", .paused), cost: Self.cost)
    #expect(call(&loop)?.conversation.messages.last == .assistant(AssistantMessage(text: "so far")))
    loop.receive(said("so good", .paused), cost: Self.cost)
    #expect(
      ending(&loop)
        == StepEnding(.maxTurns, message: "after 2 turns there is no answer", text: "so good", finish: .paused))
  }

  @Test func aReasonFromOutsideKeepsWhatHadCome() throws {
    var loop = StepLoop(try plan())
    _ = call(&loop)
    loop.end(
      with: StepEnding(.providerError, message: "broke off", infrastructure: true),
      partial: Answer(message: AssistantMessage(text: "half")))
    #expect(
      ending(&loop) == StepEnding(.providerError, message: "broke off", text: "half", infrastructure: true))
  }

  @Test func aToolThatMustBeCalledNeedBeOnlyOnce() throws {
    var plan = try plan(tools: ["now"])
    plan.toolChoice = .required
    var loop = StepLoop(plan)
    #expect(call(&loop)?.toolChoice == .required)
    loop.receive(asks("now"), cost: Self.cost)
    loop.receive([ToolResult(id: "c0", text: "12")])
    #expect(call(&loop)?.toolChoice == .auto)
  }

  @Test func toolsAreCalledByNamesThatProvidersTake() {
    let names = ToolNames(
      ["time.now", "time_now", "./tools/search", "ü", String(repeating: "x", count: 80)].map {
        OfferedTool(ToolDescription(name: $0))
      })
    #expect(
      names.descriptions.map(\.name) == [
        "time_now", "time_now_2", "tools_search", "tool", String(repeating: "x", count: 64),
      ])
    #expect(names["time_now_2"]?.description.name == "time_now")
    #expect(names.called("./tools/search") == "tools_search")
    #expect(names["made_up"] == nil)
  }
}
