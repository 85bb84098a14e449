import AstroCore
import Testing

@testable import AstroLLM

@Suite struct TranscriptTests {
  private let time = Timestamp(microseconds: 1_795_953_630_123_456)

  private func lines(_ events: TranscriptEvent...) -> [UInt8] { events.flatMap { $0.line(at: time) + [0x0A] } }

  private static let answer = Answer(
    message: AssistantMessage(
      text: "hm\u{1}", toolCalls: [ToolCall(id: "c", name: "now", arguments: "{")],
      native: NativeContent(dialect: .anthropicMessages, items: [.map(["type": .string("thinking")])])),
    finish: .refused("no"),
    usage: TokenUsage(input: 1, cacheRead: 2, cacheWrite: 3, cacheWriteHour: 4, output: 5, reasoning: 1), model: "m",
    serviceTier: "flex")

  @Test func linesAreWhatPeopleRead() {
    let conversation = Conversation(
      system: "s",
      messages: [.user([.text("t"), .file(name: "f", text: "123"), .image(ImageContent([0xFF, 0xD8, 0xFF])!)])])
    let events: [TranscriptEvent] = [
      .begun(agent: "a", model: "m", conversation), .call(turn: 1, agent: "a", model: "m", id: CallID(7)),
      .setback(turn: 1, .refused, "429"), .fallback(agent: "b", "429"), .forsaken(agent: "c", "401"),
      .toolCall(ToolCall(id: "c", name: "now", arguments: "{}")),
      .toolResult(ToolResult(id: "c", text: "12", isError: true)),
      .ended(StepEnding(.maxTurns, message: "why", text: "x", finish: .toolCalls)),
    ]
    #expect(
      events.map { String(decoding: $0.line(at: time), as: UTF8.self) } == [
        #"{"at":"2026-11-29T12:00:30.123Z","event":"begun","agent_id":"a","model":"m","system":"s","messages":[{"content":["t",{"bytes":3,"file":"f"},{"bytes":3,"image":"image/jpeg"}],"role":"user"}]}"#,
        #"{"at":"2026-11-29T12:00:30.123Z","event":"call","turn":1,"agent_id":"a","model":"m","call":7}"#,
        #"{"at":"2026-11-29T12:00:30.123Z","event":"refused","turn":1,"message":"429"}"#,
        #"{"at":"2026-11-29T12:00:30.123Z","event":"fallback","agent_id":"b","message":"429"}"#,
        #"{"at":"2026-11-29T12:00:30.123Z","event":"forsaken","agent_id":"c","message":"401"}"#,
        #"{"at":"2026-11-29T12:00:30.123Z","event":"tool_call","id":"c","name":"now","arguments":"{}"}"#,
        #"{"at":"2026-11-29T12:00:30.123Z","event":"tool_result","id":"c","text":"12","is_error":true}"#,
        #"{"at":"2026-11-29T12:00:30.123Z","event":"ended","ending":"max_turns","message":"why","text":"x","finish_reason":"tool_calls","infrastructure":false}"#,
      ])
  }

  @Test func anAnswerComesBackAsItWas() throws {
    let line = lines(.answer(turn: 3, Self.answer, cost: Money(picodollars: 9)))
    let replay = try TranscriptReplay.read(line).replay
    #expect(replay.answers == [3: .init(answer: Self.answer, cost: Money(picodollars: 9))])
    let unknown = Answer(message: AssistantMessage(text: "a"), finish: .other("odd"))
    #expect(
      try TranscriptReplay.read(lines(.answer(turn: 1, unknown, cost: nil))).replay.answers
        == [1: .init(answer: unknown, cost: nil)])
  }

  @Test(arguments: [
    FinishReason.stop, .length, .toolCalls, .refused(nil), .contextFull, .paused, .other("odd"),
  ])
  func everyReasonComesBack(finish: FinishReason) throws {
    let answer = Answer(finish: finish)
    #expect(try TranscriptReplay.read(lines(.answer(turn: 1, answer, cost: nil))).replay.answers[1]?.answer == answer)
  }

  @Test func anEndComesBackAsItWas() throws {
    for ending in AgentEnding.allCases where ending != .cancelled {
      let end = StepEnding(
        ending, message: "m", text: "t", value: .map(["a": .list([])]), finish: .stop, infrastructure: true)
      #expect(try TranscriptReplay.read(lines(.ended(end))).replay.ending == end)
    }
  }

  @Test func whatWasCancelledHasNotEnded() throws {
    let bytes = lines(.begun(agent: "a", model: "m", Conversation()), .ended(StepEnding(.cancelled, message: "m")))
    let (replay, whole) = try TranscriptReplay.read(bytes)
    #expect(replay.ending == nil && replay.hasBegun && whole == bytes.count)
  }

  @Test func whatWasDoneIsKnownByItsTurn() throws {
    let call = ToolCall(id: "c", name: "now", arguments: "{}")
    let result = ToolResult(id: "c", text: "12")
    let bytes = lines(
      .begun(agent: "a", model: "m", Conversation()), .call(turn: 1, agent: "a", model: "m", id: CallID(1)),
      .setback(turn: 1, .refused, "429"), .setback(turn: 1, .refused, "429"),
      .call(turn: 1, agent: "a", model: "m", id: CallID(2)), .answer(turn: 1, Self.answer, cost: nil), .toolCall(call),
      .toolResult(result), .toolCall(call), .fallback(agent: "b", "x"), .forsaken(agent: "c", "y"),
      .call(turn: 2, agent: "b", model: "m", id: CallID(3)), .setback(turn: 2, .refused, "429"),
      .setback(turn: 2, .error, "500"))
    let (replay, whole) = try TranscriptReplay.read(bytes)
    #expect(whole == bytes.count)
    #expect(
      replay.hasBegun && replay.fallbacks == 1 && replay.forsaken == ["c"] && replay.refusals == 1
        && replay.ending == nil)
    #expect(replay.tools == [1: [.done(result), .begun]])
  }

  @Test func aCallThatIsBegunAgainKeepsItsPlace() throws {
    let call = ToolCall(id: "c", name: "now", arguments: "{}")
    let result = ToolResult(id: "c", text: "12")
    let bytes = lines(.answer(turn: 1, Self.answer, cost: nil), .toolCall(call), .toolCall(call), .toolResult(result))
    #expect(try TranscriptReplay.read(bytes).replay.tools == [1: [.done(result)]])
  }

  /// Its writer may die at any byte.
  @Test func aLastLineThatIsNotWholeIsAsGoodAsNone() throws {
    let first = lines(.begun(agent: "a", model: "m", Conversation()))
    let second = lines(.answer(turn: 1, Self.answer, cost: nil))
    for cut in 0..<second.count {
      let (replay, whole) = try TranscriptReplay.read(first + second[..<cut])
      #expect(whole == first.count && replay.hasBegun && replay.answers.isEmpty, "cut at \(cut)")
    }
    #expect(try TranscriptReplay.read([]).replay == TranscriptReplay())
  }

  @Test(arguments: ["nonsense\n", "{}\n", #"{"event":"answer","turn":1}"# + "\n", "\u{0}\n"])
  func aLineThatWasNotWrittenSoIsNoGuess(line: String) {
    let bytes = lines(.begun(agent: "a", model: "m", Conversation())) + Array(line.utf8)
    #expect(throws: TranscriptReplay.Malformed(line: 2)) { try TranscriptReplay.read(bytes) }
  }

  @Test func whatBecameOfEachCallIsToldByItsNumber() throws {
    let start = Timestamp(microseconds: 1_795_953_630_000_000)
    var answer = Answer()
    (answer.model, answer.usage) = ("m-2026", TokenUsage(input: 7, output: 3))
    let events: [TranscriptEvent] = [
      .call(turn: 1, agent: "a", model: "m", id: CallID(4)),
      .setback(turn: 1, .refused, "429", usage: TokenUsage()),
      .call(turn: 1, agent: "a", model: "m", id: CallID(5)), .setback(turn: 1, .error, "broke off"),
      .call(turn: 1, agent: "a", model: "m", id: CallID(6)), .answer(turn: 1, answer, cost: Money(picodollars: 37)),
      .call(turn: 2, agent: "a", model: "m", id: CallID(7)),
    ]
    var bytes: [UInt8] = []
    for (second, event) in events.enumerated() { bytes += event.line(at: start + .seconds(Int64(second))) + [0x0A] }
    let calls = try TranscriptReplay.read(bytes).replay.calls
    #expect(calls.keys.map(\.number).sorted() == [4, 5, 6, 7])
    #expect(
      calls[CallID(4)]?.account
        == CallAccount(model: "m", status: .refused, usage: TokenUsage(), cost: .zero, duration: .seconds(1)))
    // What it took nobody knows.
    #expect(
      calls[CallID(5)]?.account
        == CallAccount(model: "m", status: .error, usage: nil, cost: nil, duration: .seconds(1)))
    #expect(
      calls[CallID(6)]?.account
        == CallAccount(
          model: "m-2026", status: .success, usage: TokenUsage(input: 7, output: 3), cost: Money(picodollars: 37),
          duration: .seconds(1)))
    #expect(calls[CallID(7)]?.began == start + .seconds(6))
    #expect(calls[CallID(7)]?.account == nil)
  }
}
