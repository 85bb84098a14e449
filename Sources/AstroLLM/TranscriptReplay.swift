public import AstroCore

/// What an attempt has done already, from its transcript: what was finished is not paid for twice, and no tool is called
/// twice that must not be.
public struct TranscriptReplay: Sendable, Equatable {
  public struct Answered: Sendable, Equatable {
    public var answer: Answer
    public var cost: Money?
  }

  public enum ToolProgress: Sendable, Equatable {
    /// It was begun, and what became of it nobody knows.
    case begun
    case done(ToolResult)
  }

  /// One call, as far as it was written down.
  public struct Call: Sendable, Equatable {
    /// To the millisecond.
    public var began: Timestamp
    /// `nil` where it is not said what became of it.
    public var account: CallAccount?
    var model: String
  }

  public private(set) var hasBegun = false
  /// By its number in the journal of that time.
  public private(set) var calls: [CallID: Call] = [:]
  /// By turn, from 1.
  public private(set) var answers: [Int: Answered] = [:]
  /// By turn, and by the place of the call in its answer: models may give two calls one id.
  public private(set) var tools: [Int: [ToolProgress]] = [:]
  /// Fallbacks that were made.
  public private(set) var fallbacks = 0
  /// Agents that a batch asks no more.
  public private(set) var forsaken: Set<String> = []
  /// Refusals by a limit of the provider's since the last answer.
  public private(set) var refusals = 0
  /// Never ``AgentEnding/cancelled``.
  public private(set) var ending: StepEnding?
  private var turn = 0
  /// The one that was sent last.
  private var call: CallID?

  public init() {}

  /// Reads a transcript.
  /// - Returns: it, and how many bytes of it are whole lines; what comes after was being written when its writer died.
  /// - Throws: what is wrong with a line in the middle. Nothing may be done on a guess what it said.
  public static func read(_ bytes: [UInt8]) throws(Malformed) -> (replay: TranscriptReplay, whole: Int) {
    var replay = TranscriptReplay()
    let whole = (bytes.lastIndex(of: 0x0A) ?? -1) + 1
    for (index, line) in bytes[..<whole].split(separator: 0x0A).enumerated() {
      guard let value = try? JSONReader.parse(Array(line)), replay.take(value) else {
        throw Malformed(line: index + 1)
      }
    }
    return (replay, whole)
  }

  public struct Malformed: Error, Equatable {
    public var line: Int

    public init(line: Int) { self.line = line }
  }

  /// `false` when the line is not what ``TranscriptEvent`` writes.
  private mutating func take(_ line: JSONValue) -> Bool {
    switch line["event"]?.string {
    case "begun": hasBegun = true
    case "call":
      guard let number = line["turn"]?.count else { return false }
      turn = Int(number)
      call = line["call"]?.count.map(CallID.init)
      if let call, let began = line.time {
        calls[call] = Call(began: began, model: line["model"]?.string ?? "")
      }
    case "answer":
      guard let number = line["turn"]?.count, let answer = Answer(told: line) else { return false }
      turn = Int(number)
      let cost = line["cost_picodollars"]?.count.map(Money.init(picodollars:))
      answers[turn] = Answered(answer: answer, cost: cost)
      refusals = 0
      close(.success, answer.model, answer.usage, cost, line)
    case "refused":
      refusals += 1
      close(.refused, nil, TokenUsage(told: line["usage"]), .zero, line)
    case "error": close(.error, nil, TokenUsage(told: line["usage"]), .zero, line)
    case "fallback": fallbacks += 1
    case "forsaken":
      guard let agent = line["agent_id"]?.string else { return false }
      forsaken.insert(agent)
    case "tool_call":
      // Begun again after a crash, a call has the place of the first time.
      if tools[turn]?.last != .begun { tools[turn, default: []].append(.begun) }
    case "tool_result":
      guard let id = line["id"]?.string, let text = line["text"]?.string, let last = tools[turn]?.indices.last else {
        return false
      }
      tools[turn]?[last] = .done(ToolResult(id: id, text: text, isError: line["is_error"] == .bool(true)))
    case "ended":
      guard let ending = StepEnding(told: line) else { return false }
      // Who is cancelled has not come to an end by itself; whether the task was, the journal knows.
      if ending.ending != .cancelled { self.ending = ending }
    default: return false
    }
    return true
  }

  /// What became of the call that was sent last. What came to nothing cost nothing, where it is said that it took nothing.
  private mutating func close(
    _ status: CallAccount.Status, _ model: String?, _ usage: TokenUsage?, _ cost: Money?, _ line: JSONValue
  ) {
    guard let id = call, let sent = calls[id], let ended = line.time else { return }
    calls[id]?.account = CallAccount(
      model: model ?? sent.model, status: status, usage: usage, cost: usage == nil ? nil : cost,
      duration: max(.zero, ended - sent.began))
    call = nil
  }
}

extension JSONValue {
  /// When a line was written.
  fileprivate var time: Timestamp? { self["at"]?.string.flatMap(Timestamp.init(rfc3339:)) }
}

extension Answer {
  fileprivate init?(told line: JSONValue) {
    guard let text = line["text"]?.string, let word = line["finish_reason"]?.string else { return nil }
    let calls = (line["tool_calls"]?.items ?? []).map { call in
      ToolCall(
        id: call["id"]?.string ?? "", name: call["name"]?.string ?? "", arguments: call["arguments"]?.string ?? "")
    }
    var native: NativeContent?
    if let told = line["native"], let dialect = told["dialect"]?.string.flatMap(Dialect.init(rawValue:)) {
      native = NativeContent(dialect: dialect, items: told["items"]?.items ?? [])
    }
    self.init(
      message: AssistantMessage(text: text, toolCalls: calls, native: native),
      finish: FinishReason(word: word, refusal: line["refusal"]?.string), usage: TokenUsage(told: line["usage"]),
      model: line["model"]?.string, serviceTier: line["service_tier"]?.string)
  }
}

extension FinishReason {
  /// The reason whose ``word`` it is.
  init(word: String, refusal: String? = nil) {
    let known: [FinishReason] = [.stop, .length, .toolCalls, .refused(refusal), .contextFull, .paused]
    self = known.first { $0.word == word } ?? .other(word)
  }
}

extension StepEnding {
  fileprivate init?(told line: JSONValue) {
    guard let ending = line["ending"]?.string.flatMap(AgentEnding.init(rawValue:)) else { return nil }
    self.init(
      ending, message: line["message"]?.string, text: line["text"]?.string ?? "", value: line["value"],
      finish: line["finish_reason"]?.string.map { FinishReason(word: $0) },
      infrastructure: line["infrastructure"] == .bool(true))
  }
}
