import AstroCore
import AstroHTTP
import AstroLLM
import AstroTestKit
import Foundation
import Glibc
import Synchronization
import Testing

@testable import AstroAgents

/// An llm agent in memory: a run's directory, a provider that answers what it was told to, a desk that writes down, tools.
final class LLMFixture: Sendable {
  let directory = TemporaryDirectory()
  let clock = TestClock()
  let provider: Provider
  let desk = Desk()
  let tools = Tools()
  private let sleeps = Mutex<[Duration]>([])
  private let sleepsForReal = Mutex(false)
  /// Whether a wait lasts until the task is cancelled; else it is over at once.
  var isAsleep: Bool {
    get { sleepsForReal.withLock { $0 } }
    set { sleepsForReal.withLock { $0 = newValue } }
  }
  /// All that was waited for between tries.
  var slept: [Duration] { sleeps.withLock { $0 } }

  static let key = AttemptKey(workflow: WorkflowID(unchecked: "w-1"), task: "ask", number: 1)
  var run: RunDirectory { RunDirectory(Self.key.workflow, in: directory.path("runs")) }
  var attempt: String { run.attempt(Self.key) }

  init(_ answers: [Provider.Reply]) {
    provider = Provider(answers)
    mkdir(directory.path("runs"), 0o700)
    mkdir(run.path, 0o700)
    mkdir(run.files, 0o700)
  }

  static let prices = PriceTable([ModelPrice(model: "m", input: 1000, output: 2000)])

  func settings(_ id: String = "first", dialect: Dialect = .openAIChat, model: String? = "m") -> LLMSettings {
    LLMSettings(
      id: id, dialect: dialect, baseURL: "http://\(id)/v1", model: model, key: { "sk-secret-0123456789" },
      prices: Self.prices)
  }

  func agent(_ settings: LLMSettings? = nil, fallbacks: [LLMSettings] = []) -> LLMAgent {
    LLMAgent(
      settings ?? self.settings(), fallbacks: fallbacks, transport: provider, clock: clock,
      toolBoxes: { [tools] _, _ in tools },
      sleep: { time in
        self.sleeps.withLock { $0.append(time) }
        if self.isAsleep { try await Task.sleep(for: .seconds(3600)) }
      },
      random: { 0.5 })
  }

  func request(_ with: String, outputs: [String] = []) throws -> PerformanceRequest {
    PerformanceRequest(
      key: Self.key, user: "alice", agent: "first", with: try JSONReader.parse(with), directory: run,
      promise: AttemptPromise(outputs: outputs))
  }

  /// Performs on an agent that has no memory of the times before.
  func perform(
    _ with: String, outputs: [String] = [], fallbacks: [LLMSettings] = [], settings: LLMSettings? = nil
  ) async throws -> PerformanceResult {
    await agent(settings, fallbacks: fallbacks).perform(try request(with, outputs: outputs), desk: desk)
  }

  /// Performs, and is cancelled once `isThere`.
  func performCancelled(
    _ with: String, settings: LLMSettings? = nil, once isThere: @Sendable () -> Bool
  ) async throws -> PerformanceResult? {
    let agent = agent(settings)
    let request = try request(with)
    return await withTaskGroup(of: PerformanceResult.self) { [desk] group in
      group.addTask { await agent.perform(request, desk: desk) }
      while !isThere() { await Task.yield() }
      group.cancelAll()
      return await group.next()
    }
  }

  func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }
  var transcript: String { text("\(attempt)/transcript.jsonl") ?? "" }
  /// The events of the transcript, in order.
  var events: [String] {
    transcript.split(separator: "\n").compactMap { line in
      guard case .map(let members)? = try? JSONReader.parse(String(line)) else { return nil }
      return members["event"]?.text
    }
  }
}

extension PerformanceResult {
  var ending: Ending? { if case .ended(let ending) = self { ending } else { nil } }
}

/// Stands still unless told otherwise.
final class TestClock: AstroCore.Clock {
  private let moment = Mutex(Moment(wall: Timestamp(microseconds: 1_795_953_630_000_000), boot: 0))
  func now() -> Moment { moment.withLock { $0 } }
  func advance(_ time: Duration) { moment.withLock { $0 = $0.advanced(by: time) } }
}

/// Answers each request with the next reply.
final class Provider: HTTPTransport {
  enum Reply: Sendable {
    case answer(status: Int, headers: [(name: String, value: String)], body: String, failure: HTTPFailure.Cause?)
    case failure(HTTPFailure.Cause)
    /// Does not come before the task is cancelled.
    indirect case late(Reply)

    static let silence = Reply.late(.failure(.cancelled))

    static func status(_ status: Int, _ body: String = "", _ headers: [(name: String, value: String)] = []) -> Reply {
      .answer(status: status, headers: headers, body: body, failure: nil)
    }

    /// A streamed answer of Chat Completions.
    static func says(_ text: String, finish: String = "stop", prompt: Int = 100, output: Int = 10) -> Reply {
      let quoted = JSONValue.string(text).json
      return stream(
        #"{"model":"m-2026","choices":[{"index":0,"delta":{"content":\#(quoted)}}]}"#,
        #"{"choices":[{"index":0,"delta":{},"finish_reason":"\#(finish)"}]}"#,
        #"{"choices":[],"usage":{"prompt_tokens":\#(prompt),"completion_tokens":\#(output)}}"#, "[DONE]")
    }

    static func asks(_ name: String, _ arguments: String = "{}", id: String = "c1") -> Reply {
      let quoted = JSONValue.string(arguments).json
      return stream(
        #"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"\#(id)","function":{"name":"\#(name)","arguments":\#(quoted)}}]}}]}"#,
        #"{"choices":[{"delta":{},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":100,"completion_tokens":10}}"#,
        "[DONE]")
    }

    static func stream(_ chunks: String..., failure: HTTPFailure.Cause? = nil) -> Reply {
      .answer(
        status: 200, headers: [("content-type", "text/event-stream")],
        body: chunks.map { "data: \($0)\n\n" }.joined(), failure: failure)
    }
  }

  private let state: Mutex<(replies: ArraySlice<Reply>, requests: [HTTPRequest])>

  init(_ replies: [Reply]) { state = Mutex((replies[...], [])) }

  var requests: [HTTPRequest] { state.withLock { $0.requests } }
  var bodies: [String] { requests.map { String(decoding: $0.body, as: UTF8.self) } }
  func add(_ replies: Reply...) { state.withLock { $0.replies += replies } }

  func send(_ request: HTTPRequest, within timeouts: HTTPTimeouts) async throws(HTTPFailure) -> HTTPResponse {
    var reply = state.withLock { state in
      state.requests.append(request)
      return state.replies.popFirst()
    }
    if case .late(let afterwards)? = reply {
      try? await Task.sleep(for: .seconds(3600))
      reply = afterwards
    }
    switch reply {
    case .answer(let status, let headers, let body, let cause):
      let failure = cause.map { HTTPFailure($0, url: request.url) }
      return HTTPResponse(
        status: status, headers: HTTPFields(headers), body: HTTPBody(parts: [Array(body.utf8)], failure: failure))
    case .failure(let cause): throw HTTPFailure(cause, url: request.url)
    case .late: preconditionFailure("late once, and not twice")
    case nil:
      Issue.record("a request nobody expects: \(request.url)")
      throw HTTPFailure(.shutDown, url: request.url)
    }
  }

  func shutdown() async {}
}

/// Grants, unless told otherwise, and writes down.
final class Desk: CallDesk {
  private let state = Mutex<State>(State())

  private struct State {
    var next: [CallLeave] = []
    var calls: [PlannedCall] = []
    var accounts: [CallAccount] = []
    var number: Int64 = 0
  }

  var calls: [PlannedCall] { state.withLock { $0.calls } }
  var ceilings: [CallCeiling] { calls.map(\.ceiling) }
  var accounts: [CallAccount] { state.withLock { $0.accounts } }
  func answer(_ leaves: CallLeave...) { state.withLock { $0.next += leaves } }

  func leave(for call: PlannedCall, patience: Duration) async -> CallLeave {
    state.withLock { state in
      state.calls.append(call)
      state.number += 1
      return state.next.isEmpty ? .granted(CallID(state.number)) : state.next.removeFirst()
    }
  }

  func settle(_ call: CallID, _ account: CallAccount) async { state.withLock { $0.accounts.append(account) } }
}

/// `now` and `pay`, of which only the first may be called twice.
final class Tools: ToolBox {
  private let state = Mutex<(calls: [String], closed: Int, outcome: Result<ToolOutcome, Failure>, isLate: Bool)>(
    ([], 0, .success(ToolOutcome("12")), false))

  var calls: [String] { state.withLock { $0.calls } }
  var closed: Int { state.withLock { $0.closed } }
  /// - Parameter late: not before the task is cancelled.
  func answer(_ outcome: Result<ToolOutcome, Failure>, late: Bool = false) {
    state.withLock { ($0.outcome, $0.isLate) = (outcome, late) }
  }

  func list() async throws(Failure) -> [OfferedTool] {
    [
      OfferedTool(ToolDescription(name: "clock.now"), isIdempotent: true),
      OfferedTool(ToolDescription(name: "bank.pay"), isIdempotent: false),
    ]
  }

  func call(_ name: String, arguments: JSONValue) async throws(Failure) -> ToolOutcome {
    let (outcome, isLate) = state.withLock { state in
      state.calls.append("\(name) \(arguments.json)")
      return (state.outcome, state.isLate)
    }
    if isLate { try? await Task.sleep(for: .seconds(3600)) }
    return try outcome.get()
  }

  func close() async { state.withLock { $0.closed += 1 } }
}
