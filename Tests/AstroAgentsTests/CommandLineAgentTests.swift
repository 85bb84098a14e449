import AstroCore
import Testing

@testable import AstroAgents

/// Programs that answer prompts: what they are called with, and what is made of what they print, in the formats that their
/// manuals give.
@Suite struct CommandLineAgentTests {
  private let key = AttemptKey(workflow: WorkflowID(unchecked: "w-1"), task: "a", number: 2)

  private func call(_ program: CommandLineProgram, _ with: [String: JSONValue]) throws -> ProgramProcess {
    try CommandLineAgent(program).process(
      for: ProgramRequest(key: key, with: .map(with), directory: RunDirectory(key.workflow, in: "/runs")))
  }

  private func refusal(_ program: CommandLineProgram, _ with: [String: JSONValue]) -> String? {
    do { _ = try call(program, with) } catch { return "\(error)" }
    return nil
  }

  private static let full: [String: JSONValue] = [
    "prompt": .string("Do it."), "system": .string("Be brief."), "model": .string("m-1"), "max_turns": .integer(5),
    "max_cost_usd": .number(0.25), "output_schema": .map(["type": .string("object")]),
  ]

  @Test func eachProgramIsCalledAsItsManualSays() throws {
    let claude = try call(.claudeCode, Self.full)
    #expect(
      claude.arguments == [
        "claude", "-p", "--output-format", "json", "--model", "m-1", "--append-system-prompt", "Be brief.",
        "--max-turns",
        "5", "--max-budget-usd", "0.25", "--json-schema", #"{"type":"object"}"#,
      ])
    #expect(claude.input == "Do it.")
    let codex = try call(.codex, Self.full)
    #expect(
      codex.arguments == [
        "codex", "exec", "--json", "--ephemeral", "--skip-git-repo-check", "--sandbox", "workspace-write", "-m", "m-1",
        "-",
      ])
    #expect(
      codex.input
        == "Be brief.\n\nDo it.\n\nAnswer with nothing but JSON that fits this JSON Schema:\n{\"type\":\"object\"}")
    let llm = try call(.llm, Self.full)
    #expect(
      llm.arguments == [
        "llm", "prompt", "--no-stream", "--no-log", "-m", "m-1", "-s", "Be brief.", "--schema", #"{"type":"object"}"#,
      ])
    #expect(llm.input == "Do it.")
    #expect(try call(.claudeCode, ["prompt": .string("p")]).arguments == ["claude", "-p", "--output-format", "json"])
  }

  @Test func wordsOfAnOwnCommandAreFilled() throws {
    let words = ["my", "--model={model}", "{prompt}", "{print}", "{", "a{max_turns}b{max_cost_usd}"]
    var full = Self.full
    full["prompt"] = .string("{model} {system}")
    let process = try call(.own(words, printsJSON: false), full)
    #expect(process.arguments == ["my", "--model=m-1", "{model} {system}", "{print}", "{", "a5b0.25"])
    #expect(process.input == nil)
    #expect(try call(.own(["my"], printsJSON: false), full).input == "{model} {system}")
    #expect(
      refusal(.own(["my", "{model}"], printsJSON: false), ["prompt": .string("p")])
        == "with: 'model' is missing: the agent's command needs it")
  }

  @Test func whatIsWrongWithARequestIsSaidByItsPlace() {
    #expect(refusal(.llm, [:]) == "with: 'prompt' is missing")
    #expect(
      refusal(.llm, ["prompt": .string("p"), "promt": .string("q")])
        == "with: unknown key 'promt'; did you mean 'prompt'?")
    #expect(
      refusal(.llm, ["prompt": .string("p"), "max_cost_usd": .string("much")])
        == "with.max_cost_usd: must be an amount in USD")
    #expect(refusal(.llm, ["prompt": .string("p"), "model": .string("--evil")]) == "with.model: begins with '-'")
    #expect(
      refusal(.llm, ["prompt": .string("p"), "output_schema": .map(["type": .string("nothing")])])?
        .hasPrefix("with.output_schema: is no schema: ") == true)
  }

  // MARK: Claude Code

  private func claude(
    _ printed: String, exit: AttemptOutcome = .exited(0), asked: [String: JSONValue] = ["prompt": .string("p")],
    promising: [String] = []
  ) throws -> AttemptEnding {
    try PrintedAttempt(printed, asked: .map(asked)).end(
      of: CommandLineAgent(.claudeCode), exit: exit, promise: .init(outputs: promising, keepsStdout: true))
  }

  private static let success = """
    {"type":"result","subtype":"success","is_error":false,"duration_ms":2310,"num_turns":3,"result":"Done.",\
    "session_id":"5d1f","total_cost_usd":0.0123456,"usage":{"input_tokens":4,"cache_creation_input_tokens":100,\
    "cache_read_input_tokens":1000,"output_tokens":25},"permission_denials":[]}
    """

  @Test func anAnswerOfClaudeCodeBecomesOutputs() throws {
    for printed in [
      Self.success, "[{\"type\":\"system\"},\(Self.success)]",
      "{\"type\":\"system\",\"subtype\":\"init\"}\n{\"type\":\"assistant\"}\n\(Self.success)\n",
    ] {
      let end = try claude(printed)
      #expect(end.outcome == .exited(0))
      #expect(end.stdout == "Done.")
      #expect(
        end.outputs == [
          "text": "Done.", "num_turns": "3", "session_id": "5d1f", "prompt_tokens": "1104", "completion_tokens": "25",
          "cost_usd": "0.0123456",
        ])
    }
  }

  @Test func anAnswerThatIsTooLongForAnOutputIsInvalid() throws {
    let long = Self.success.replacing("Done.", with: String(repeating: "x", count: 1 << 20))
    let end = try claude(long)
    #expect(end.outcome == .invalidOutput("the outputs are larger than 1 MiB"))
    #expect(end.outputs == [:] && end.account != nil)
  }

  @Test func anErrorUnderTheNameOfSuccessIsAnError() throws {
    let failed = Self.success.replacing("\"is_error\":false", with: "\"is_error\":true")
      .replacing("\"Done.\"", with: "\"API Error: 500 overloaded\"")
    for exit in [AttemptOutcome.exited(0), .exited(1)] {
      let end = try claude(failed, exit: exit)
      #expect(end.outcome == .performed(.providerError, "API Error: 500 overloaded"))
      #expect(end.isAgentFault)
      #expect(end.outputs == [:])
    }
    let limited = failed.replacing("\"num_turns\"", with: "\"api_error_status\":429,\"num_turns\"")
    #expect(try claude(limited).outcome == .performed(.rateLimited, "API Error: 500 overloaded"))
    #expect(try !claude(limited).isAgentFault)
  }

  @Test(arguments: [
    ("error_max_turns", AgentEnding.maxTurns, "Claude Code stopped at its most turns"),
    ("error_max_budget_usd", .maxCost, "Claude Code stopped at its most cost"),
    ("error_max_structured_output_retries", .invalidOutput, "Claude Code gave no answer that fits the schema"),
    ("error_during_execution", .toolError, "boom"),
  ])
  func eachEndOfClaudeCodeHasItsName(_ subtype: String, _ ending: AgentEnding, _ message: String) throws {
    let printed = #"{"type":"result","subtype":"\#(subtype)","is_error":true,"errors":["boom"],"num_turns":9}"#
    #expect(try claude(printed, exit: .exited(1)).outcome == .performed(ending, message))
  }

  @Test func aStructuredAnswerIsHeldToItsSchema() throws {
    let schema: JSONValue = .map([
      "type": .string("object"), "required": .list([.string("n")]),
      "properties": .map(["n": .map(["type": .string("integer")])]),
    ])
    let asked: [String: JSONValue] = ["prompt": .string("p"), "output_schema": schema]
    let good = Self.success.replacing("\"usage\"", with: #""structured_output":{"n":7},"usage""#)
    #expect(try claude(good, asked: asked, promising: ["n"]).outputs["n"] == "7")
    let bad = Self.success.replacing("\"usage\"", with: #""structured_output":{"n":"7"},"usage""#)
    guard case .invalidOutput(let reason) = try claude(bad, asked: asked).outcome else {
      Issue.record("an answer that does not fit is taken")
      return
    }
    #expect(reason.hasPrefix("the answer does not fit output_schema: /n"))
    #expect(try claude(Self.success, asked: asked).outcome == .invalidOutput("the answer holds no JSON"))
    #expect(
      try claude(good, promising: ["m"]).outcome == .invalidOutput("the promised output 'm' is not in the answer"))
  }

  @Test func whatTheProgramDidNotKeepIsKeptHere() throws {
    #expect(
      try claude(Self.success, asked: ["prompt": .string("p"), "max_cost_usd": .number(0.01)]).outcome
        == .performed(.maxCost, "it cost 0.0123456 USD, more than 0.01 USD"))
    #expect(
      try claude(Self.success, asked: ["prompt": .string("p"), "max_turns": .integer(2)]).outcome
        == .performed(.maxTurns, "it took 3 turns, more than 2"))
  }

  @Test func aProgramThatSaysNothingOfUseFails() throws {
    #expect(try claude("").outcome == .invalidOutput("stdout holds no result of Claude Code"))
    #expect(try claude("Killed\n", exit: .exited(137)).outcome == .exited(137))
    #expect(try claude(Self.success, exit: .signalled(9)).outcome == .signalled(9))
  }

  // MARK: Codex

  private static let turns = """
    {"type":"thread.started","thread_id":"0199"}
    {"type":"turn.started"}
    {"type":"item.completed","item":{"id":"item_0","type":"reasoning","text":"**Thinking**"}}
    {"type":"item.completed","item":{"id":"item_1","type":"command_execution","command":"ls","exit_code":0}}
    {"type":"item.completed","item":{"id":"item_2","type":"agent_message","text":"Two files."}}
    {"type":"turn.completed","usage":{"input_tokens":24763,"cached_input_tokens":24448,"output_tokens":122}}

    """

  private func codex(_ printed: String, exit: AttemptOutcome = .exited(0), _ prices: [ModelPrice] = []) throws
    -> AttemptEnding
  {
    try PrintedAttempt(printed, asked: .map(["prompt": .string("p"), "model": .string("gpt-x")])).end(
      of: CommandLineAgent(.codex, prices: PriceTable(prices)), exit: exit)
  }

  @Test func eventsOfCodexBecomeOutputsWithACostFromTheTable() throws {
    let plain = try codex(Self.turns)
    #expect(plain.outcome == .exited(0))
    #expect(
      plain.outputs == [
        "text": "Two files.", "num_turns": "1", "session_id": "0199", "prompt_tokens": "24763",
        "completion_tokens": "122",
      ])
    let price = ModelPrice(
      model: "gpt-*", input: 1_250_000, output: 10_000_000, rates: [.init(): TokenRates(cacheRead: 125_000)])
    // 315 at 1.25, 24448 at 0.125, 122 at 10 USD a million.
    #expect(try codex(Self.turns, [price]).outputs["cost_usd"] == "0.00466975")
  }

  @Test func aFailedTurnOfCodexIsAnError() throws {
    let failed = """
      {"type":"thread.started","thread_id":"0199"}
      {"type":"turn.started"}
      {"type":"error","message":"stream disconnected"}
      {"type":"turn.failed","error":{"message":"usage limit"}}
      """
    #expect(try codex(failed, exit: .exited(1)).outcome == .performed(.providerError, "usage limit"))
    let gotOver = Self.turns.replacing(
      "{\"type\":\"turn.started\"}\n",
      with: "{\"type\":\"turn.started\"}\n{\"type\":\"error\",\"message\":\"retrying\"}\n")
    #expect(try codex(gotOver).outcome == .exited(0))
    #expect(
      try codex("{\"type\":\"turn.started\"}\n").outcome
        == .invalidOutput("stdout holds no turn of Codex that was completed"))
    #expect(try codex("oops\n", exit: .exited(2)).outcome == .exited(2))
  }

  // MARK: Others

  @Test func whatOtherProgramsPrintIsTheAnswer() throws {
    let text = try PrintedAttempt("\n Hello. \n").end(of: CommandLineAgent(.llm))
    #expect(text.outputs == ["text": "Hello."])
    let own = CommandLineAgent(.own(["x"], printsJSON: true))
    let json = try PrintedAttempt(#"{"text":"t","n":{"a":1}}"#).end(of: own)
    #expect(json.outputs == ["text": "t", "n": #"{"a":1}"#])
    #expect(try PrintedAttempt("[1]").end(of: own).outcome == .invalidOutput("stdout: it is no JSON object"))
    #expect(try PrintedAttempt("x").end(of: own, exit: .exited(4)).outcome == .exited(4))
  }
}
