import AstroCore
import AstroHTTP
import AstroLLM
import Foundation
import Testing

@testable import AstroAgents

/// Tools, and what an attempt knows of itself when it is begun again.
@Suite struct LLMResumeTests {
  private let with = #"{"prompt":"hi","tools":["clock.now","bank.pay"]}"#

  @Test func toolsAreCalledByTheirOwnNames() async throws {
    let world = LLMFixture([.asks("clock_now", #"{"zone":"UTC"}"#), .says("noon")])
    let ending = try await world.perform(with).ending
    #expect(ending?.ending == .completed && ending?.outputs["text"] == "noon")
    #expect(ending?.outputs["prompt_tokens"] == "200")
    #expect(world.tools.calls == [#"clock.now {"zone":"UTC"}"#] && world.tools.closed == 1)
    #expect(world.events == ["begun", "call", "answer", "tool_call", "tool_result", "call", "answer", "ended"])
    #expect(world.provider.bodies[1].contains(#"{"role":"tool","tool_call_id":"c1","content":"12"}"#))
  }

  @Test func whatTheModelGetsWrongIsForTheModelToMend() async throws {
    let world = LLMFixture([.asks("made_up"), .asks("clock_now", "[1]"), .asks("clock_now", "{"), .says("ok")])
    #expect(try await world.perform(with).ending?.ending == .completed)
    #expect(world.tools.calls.isEmpty)
    let body = try #require(world.provider.bodies.last)
    #expect(body.contains("Error: there is no tool 'made_up'; the tools are clock_now, bank_pay"))
    #expect(body.contains("Error: the arguments are not one JSON object: they are a list"))
    #expect(body.contains("Error: the arguments are not one JSON object: JSON ends too early"))
  }

  @Test func aToolThatFailsForGoodEndsTheStep() async throws {
    let world = LLMFixture([.asks("clock_now")])
    world.tools.answer(.failure(Failure(.unavailable, subject: "server 'clock'", message: "has died")))
    let ending = try await world.perform(with).ending
    #expect(ending?.ending == .toolError && ending?.infrastructure == true)
    #expect(ending?.message == "the tool 'clock.now' failed: server 'clock': has died")
  }

  @Test func aLongResultIsCutAndKeptWhole() async throws {
    let world = LLMFixture([.asks("clock_now"), .says("ok")])
    let long = String(repeating: "ü", count: 40_000)
    world.tools.answer(.success(ToolOutcome("x" + long)))
    #expect(try await world.perform(with).ending?.ending == .completed)
    #expect(world.text("\(world.attempt)/tool-1-1.txt") == "x" + long)
    #expect(world.provider.bodies[1].contains(#"ü\n[14466 bytes more are not shown]"#))
  }

  @Test func aModelThatNeverStopsIsStopped() async throws {
    let world = LLMFixture([.asks("clock_now"), .asks("clock_now"), .asks("clock_now")])
    let ending = try await world.perform(#"{"prompt":"hi","tools":["clock.now"],"max_turns":3}"#).ending
    #expect(ending?.ending == .maxTurns && world.provider.requests.count == 3 && world.tools.calls.count == 2)
  }

  // MARK: Resuming

  /// What was finished is neither paid for nor done again, wherever the runner died: at each line of the transcript, and in
  /// the middle of each.
  @Test func killedAtAnyByteNothingIsPaidForOrDoneTwice() async throws {
    let answers: [Provider.Reply] = [.asks("bank_pay", id: "a"), .asks("clock_now", id: "b"), .says("done")]
    let whole = LLMFixture(answers)
    let expected = try await whole.perform(with).ending
    #expect(expected?.ending == .completed)
    let bytes = Array(whole.transcript.utf8)
    for cut in stride(from: 0, through: bytes.count, by: 37) + [bytes.count] {
      let kept = String(decoding: bytes[..<cut], as: UTF8.self)
      let lines = kept.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
      func count(_ event: String) -> Int { lines.count { $0.contains(#""event":"\#(event)""#) } }
      let (done, began, results) = (count("answer"), count("tool_call"), count("tool_result"))
      let world = LLMFixture(Array(answers.dropFirst(done)))
      try FileManager.default.createDirectory(atPath: world.attempt, withIntermediateDirectories: true)
      try Data(bytes[..<cut]).write(to: URL(fileURLWithPath: "\(world.attempt)/transcript.jsonl"))
      let ending = try await world.perform(with).ending
      if began == 1, results == 0 {
        #expect(ending?.ending == .toolError, "cut at \(cut)")
        #expect(
          ending?.message
            == "the tool 'bank_pay' was being called when the attempt broke off, and is not known to be safe to repeat")
        #expect(world.tools.calls.isEmpty && world.provider.requests.isEmpty, "cut at \(cut)")
        continue
      }
      #expect(ending == expected, "cut at \(cut)")
      #expect(world.provider.requests.count == 3 - done, "cut at \(cut)")
      #expect(world.tools.calls.count == 2 - results, "cut at \(cut)")
      // A call that was sent and not answered is made again, a tool that was begun too.
      let once = { (events: [String]) in events.filter { $0 != "call" && $0 != "tool_call" } }
      #expect(once(world.events) == once(whole.events), "cut at \(cut)")
    }
  }

  @Test func anEndThatTheJournalDoesNotKnowYetIsTheSameEnd() async throws {
    let world = LLMFixture([.status(401)])
    let first = try await world.perform(#"{"prompt":"hi"}"#)
    let size = world.transcript.utf8.count
    #expect(try await world.perform(#"{"prompt":"hi"}"#) == first)
    #expect(world.provider.requests.count == 1 && world.transcript.utf8.count == size)
  }

  @Test func aDamagedTranscriptStopsTheAttempt() async throws {
    let world = LLMFixture([])
    try FileManager.default.createDirectory(atPath: world.attempt, withIntermediateDirectories: true)
    try Data("nonsense\n".utf8).write(to: URL(fileURLWithPath: "\(world.attempt)/transcript.jsonl"))
    let ending = try await world.perform(#"{"prompt":"hi"}"#).ending
    #expect(ending?.ending == .providerError)
    #expect(
      ending?.message
        == "\(world.attempt)/transcript.jsonl: line 1 is not what was written, so that nobody knows what the attempt has done"
    )
  }

  @Test func parkedBetweenTurnsItGoesOnWhereItWas() async throws {
    let world = LLMFixture([.asks("bank_pay"), .says("paid")])
    world.desk.answer(
      .granted(CallID(1)),
      .notBefore(LimitRefusal(.limit(LimitPlace(limiter: "l", key: "")), until: Timestamp(microseconds: 9))))
    guard case .parked = try await world.perform(with) else {
      Issue.record("not parked")
      return
    }
    #expect(try await world.perform(with).ending?.outputs["text"] == "paid")
    #expect(world.tools.calls.count == 1 && world.provider.requests.count == 2)
    #expect(world.tools.closed == 2)
  }

  @Test func askingAgainIsResumedToo() async throws {
    let with = #"{"prompt":"hi","output_schema":{"type":"object"}}"#
    let world = LLMFixture([.says("no JSON"), .status(429), .says("{}")])
    _ = try await world.perform(with)
    #expect(try await world.perform(with).ending?.ending == .completed)
    #expect(world.provider.bodies[1] == world.provider.bodies[2])
    #expect(world.provider.bodies[2].contains("The answer holds no JSON value"))
  }

  // MARK: Broken off

  /// A runner that ends, and the end of a task's time, cancel the attempt; the next runner must not read that as its end.
  @Test(arguments: [
    Provider.Reply.silence, .late(.failure(.closed(received: 40))), .late(.status(200, "<html>")),
    .late(.stream(#"{"choices":[{"delta":{"content":"half of"}}]}"#, failure: .closed(received: 40))),
    .late(.failure(.badRequest("it was shut"))),
  ])
  func aCallThatIsBrokenOffIsMadeAgain(reply: Provider.Reply) async throws {
    let world = LLMFixture([reply])
    let result = try await world.performCancelled(#"{"prompt":"hi"}"#) { !world.provider.requests.isEmpty }
    #expect(result == .ended(.init(.cancelled, message: "cancelled")))
    #expect(!world.events.contains("ended") && world.text("\(world.attempt)/stdout") == nil)
    world.provider.add(.says("x"))
    let ending = try await world.perform(#"{"prompt":"hi"}"#).ending
    #expect(ending?.ending == .completed && ending?.outputs["text"] == "x")
  }

  @Test func aWaitThatIsBrokenOffIsNoEnd() async throws {
    let world = LLMFixture([.status(503), .says("x")])
    world.isAsleep = true
    let result = try await world.performCancelled(#"{"prompt":"hi"}"#) { !world.slept.isEmpty }
    #expect(result == .ended(.init(.cancelled, message: "cancelled")))
    #expect(world.events == ["begun", "call", "error"])
    #expect(try await world.perform(#"{"prompt":"hi"}"#).ending?.ending == .completed)
  }

  @Test func anAnswerThatCameAllTheSameIsNotPaidForTwice() async throws {
    let world = LLMFixture([.late(.asks("clock_now")), .says("noon")])
    let result = try await world.performCancelled(with) { !world.provider.requests.isEmpty }
    #expect(result == .ended(.init(.cancelled, message: "cancelled")))
    #expect(world.events == ["begun", "call", "answer"] && world.tools.calls.isEmpty)
    #expect(try await world.perform(with).ending?.outputs["text"] == "noon")
    #expect(world.tools.calls.count == 1 && world.provider.requests.count == 2)
  }

  @Test func aToolThatIsBrokenOffIsCalledAgainWhereItMayBe() async throws {
    let world = LLMFixture([.asks("clock_now"), .says("noon")])
    world.tools.answer(.failure(Failure(.interrupted, subject: "tool", message: "cancelled")), late: true)
    let result = try await world.performCancelled(with) { !world.tools.calls.isEmpty }
    #expect(result == .ended(.init(.cancelled, message: "cancelled")))
    #expect(world.events == ["begun", "call", "answer", "tool_call"])
    world.tools.answer(.success(ToolOutcome("12")))
    #expect(try await world.perform(with).ending?.outputs["text"] == "noon")
    #expect(world.tools.calls.count == 2 && world.provider.requests.count == 2)
  }

  @Test func aResultThatCameAllTheSameIsKept() async throws {
    let world = LLMFixture([.asks("bank_pay"), .says("paid")])
    world.tools.answer(.success(ToolOutcome("12")), late: true)
    let result = try await world.performCancelled(with) { !world.tools.calls.isEmpty }
    #expect(result == .ended(.init(.cancelled, message: "cancelled")))
    #expect(world.events == ["begun", "call", "answer", "tool_call", "tool_result"])
    #expect(try await world.perform(with).ending?.outputs["text"] == "paid")
    #expect(world.tools.calls.count == 1)
  }

  @Test func aRunnerThatIsGoneLeavesTheAttemptToTheNextOne() async throws {
    let world = LLMFixture([.asks("bank_pay"), .says("paid")])
    world.desk.answer(.granted(CallID(1)), .gone)
    #expect(try await world.perform(with) == .ended(.init(.cancelled, message: "cancelled")))
    #expect(world.events == ["begun", "call", "answer", "tool_call", "tool_result"])
    #expect(try await world.perform(with).ending?.outputs["text"] == "paid")
    #expect(world.tools.calls.count == 1 && world.provider.requests.count == 2)
  }

  @Test func anEndByCancellingThatIsWrittenDownIsNotReadBack() async throws {
    let world = LLMFixture([.says("x")])
    try FileManager.default.createDirectory(atPath: world.attempt, withIntermediateDirectories: true)
    let line = TranscriptEvent.ended(.interrupted).line(at: world.clock.now().wall) + [0x0A]
    try Data(line).write(to: URL(fileURLWithPath: "\(world.attempt)/transcript.jsonl"))
    #expect(try await world.perform(#"{"prompt":"hi"}"#).ending?.ending == .completed)
  }
}
