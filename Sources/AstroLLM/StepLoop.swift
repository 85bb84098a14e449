public import AstroCore

/// One step of an agent: call the model, call the tools it asks for, ask again where its answer is not valid, until it has
/// answered or a ceiling is met. Decides only: whoever drives it makes the calls.
///
/// Ceilings are held before a call: what it can take at most must fit into what is left. Where the call after it would not
/// fit, the model is told to conclude and gets no tool any more; if it asks for one all the same, the step ends.
public struct StepLoop: Sendable {
  public enum Action: Sendable, Equatable {
    case call(ModelRequest, CallCeiling)
    /// One after the other, in this order.
    case run([ToolCall])
    case end(StepEnding)
  }

  private enum State: Sendable, Equatable {
    case ready
    /// `concluding`: the ceiling because of which it is the last call.
    case calling(ModelRequest, CallCeiling, concluding: AgentEnding?)
    /// `surplus`: calls that are past the ceiling.
    case running([ToolCall], surplus: [ToolCall])
    case ended(StepEnding)
  }

  public let plan: StepPlan
  private var state = State.ready
  private var conversation: Conversation
  private var reasks = 0
  /// What was said last.
  public private(set) var last: Answer?
  private var lastCost = Money.zero

  /// Answers so far.
  public private(set) var turns = 0
  public private(set) var toolCalls = 0
  public private(set) var usage = TokenUsage()
  /// `nil` once a call has cost nobody knows what.
  public private(set) var cost: Money? = .zero

  public init(_ plan: StepPlan) {
    self.plan = plan
    conversation = plan.conversation
  }

  // MARK: What is next

  /// What is to be done now; the same until it is reported.
  public mutating func next(_ target: CallTarget) -> Action {
    switch state {
    case .running(let calls, _): return .run(calls)
    case .ended(let ending): return .end(ending)
    // Made anew: it may go to another model now.
    case .ready, .calling: return prepareCall(target)
    }
  }

  private mutating func prepareCall(_ target: CallTarget) -> Action {
    let ceilings = plan.ceilings
    if turns >= ceilings.turns { return stop(.maxTurns, "after \(count(ceilings.turns, "turn")) there is no answer") }
    let left = ceilings.outputTokens - usage.output
    if left <= 0 { return stop(.maxTokens, "all \(ceilings.outputTokens) output tokens are used up") }
    var call = ModelRequest(
      model: target.model, conversation: conversation, maxOutputTokens: left, sampling: plan.sampling,
      tools: plan.tools, toolChoice: toolCalls > 0 ? .auto : plan.toolChoice, answerSchema: plan.answerSchema)
    let concluding = plan.tools.isEmpty ? nil : lastAffordable(target.ceiling(of: call))
    if concluding != nil {
      call.toolChoice = .none
      call.conversation.messages.append(.user(Self.conclusion))
    }
    let ceiling = target.ceiling(of: call)
    if let most = ceilings.cost {
      guard let worst = ceiling.cost else {
        return stop(.maxCost, "the model '\(target.model)' has no price, so that max_cost_usd cannot be kept")
      }
      guard (cost ?? most) + worst <= most else {
        return stop(
          .maxCost,
          "the next call may cost \(worst.spelled) USD, and of \(most.spelled) USD \((most - (cost ?? most)).spelled) USD are left"
        )
      }
    }
    state = .calling(call, ceiling, concluding: concluding)
    return .call(call, ceiling)
  }

  static let conclusion =
    "This is your last turn: no tool can be called any more. Give your final answer now, from what you have."

  /// The ceiling that leaves room for this call, and probably for no other. What it will cost is forecast by the last one;
  /// what the one after it may cost at most, by this one.
  private func lastAffordable(_ ceiling: CallCeiling) -> AgentEnding? {
    if turns + 1 >= plan.ceilings.turns { return .maxTurns }
    if toolCalls >= plan.ceilings.toolCalls { return .maxToolCalls }
    if let most = plan.ceilings.cost, let cost, let worst = ceiling.cost, turns > 0, cost + lastCost + worst > most {
      return .maxCost
    }
    return nil
  }

  // MARK: What came of it

  /// The call was answered.
  /// - Parameter cost: `nil` where it is not known; then the most it may have been counts.
  public mutating func receive(_ answer: Answer, cost paid: Money?) {
    guard case .calling(let call, let ceiling, let concluding) = state else {
      preconditionFailure("an answer that no call was made for")
    }
    state = .ready
    turns += 1
    account(for: answer, paid, ceiling)
    last = answer
    // As the model saw it, so that what it said answers something.
    conversation = call.conversation
    conversation.messages.append(.assistant(answer.message))
    switch answer.finish {
    case .refused(let words): end(.refused, words.map { "the model refuses: \($0)" } ?? "the model or a filter refuses")
    case .contextFull: end(.truncated, "the model's context is full")
    case .length: endCutOff(answer)
    case .paused: break
    case .stop, .toolCalls, .other:
      if answer.message.toolCalls.isEmpty { conclude(answer) } else { takeCalls(answer.message.toolCalls, concluding) }
    }
  }

  private mutating func account(for answer: Answer, _ paid: Money?, _ ceiling: CallCeiling) {
    // Not counted by the provider, it is at most its bytes.
    usage = usage + (answer.usage ?? TokenUsage(output: Int64(answer.text.utf8.count)))
    lastCost = paid ?? ceiling.cost ?? .zero
    cost = (paid ?? ceiling.cost).flatMap { paid in cost.map { $0 + paid } }
  }

  private mutating func endCutOff(_ answer: Answer) {
    if plan.schema != nil || !answer.message.toolCalls.isEmpty {
      end(.truncated, "the answer was cut off after \(count(usage.output, "output token")), and is of no use in part")
    } else {
      end(.maxTokens, "the answer was cut off after \(count(usage.output, "output token"))")
    }
  }

  private mutating func takeCalls(_ calls: [ToolCall], _ concluding: AgentEnding?) {
    if let concluding {
      return end(concluding, "the model still asks for tools in its last turn: \(ceilingWords(concluding))")
    }
    let room = max(0, plan.ceilings.toolCalls - toolCalls)
    state = .running(Array(calls.prefix(room)), surplus: Array(calls.dropFirst(room)))
    if room == 0 { receive([]) }
  }

  private func ceilingWords(_ ending: AgentEnding) -> String {
    switch ending {
    case .maxTurns: count(plan.ceilings.turns, "turn") + " at most"
    case .maxToolCalls: count(plan.ceilings.toolCalls, "tool call") + " at most"
    default: "\((plan.ceilings.cost ?? .zero).spelled) USD at most"
    }
  }

  /// The tools were called.
  public mutating func receive(_ results: [ToolResult]) {
    guard case .running(let calls, let surplus) = state, results.map(\.id) == calls.map(\.id) else {
      preconditionFailure("results of tools that were not to be called")
    }
    state = .ready
    toolCalls += calls.count
    let refused = surplus.map { call in
      ToolResult(
        id: call.id, text: "not called: the task allows \(count(plan.ceilings.toolCalls, "tool call"))", isError: true)
    }
    conversation.messages.append(.results(results + refused))
  }

  /// A last word without calls: the answer, if it is valid.
  private mutating func conclude(_ answer: Answer) {
    guard let schema = plan.schema else { return finish(answer, nil) }
    guard let value = JSONAnswer.find(in: answer.text) else {
      return askAgain("The answer holds no JSON value", "holds no JSON value")
    }
    let violations = schema.violations(in: value)
    guard !violations.isEmpty else { return finish(answer, value) }
    let list = violations.map(\.description)
    askAgain("The answer is not valid against the schema:\n" + list.map { "- \($0)" }.joined(separator: "\n"), list[0])
  }

  private mutating func finish(_ answer: Answer, _ value: JSONValue?) {
    state = .ended(StepEnding(.completed, text: answer.text, value: value, finish: answer.finish))
  }

  private mutating func askAgain(_ complaint: String, _ flaw: String) {
    let reason = "the answer does not fit output_schema: \(flaw)"
    if reasks >= plan.ceilings.reasks { return end(.invalidOutput, reason) }
    // The fault is the answer's, though it is a ceiling that lets it stand.
    if turns >= plan.ceilings.turns { return end(.invalidOutput, "\(reason), and no turn is left to ask again") }
    reasks += 1
    conversation.messages.append(
      .user("\(complaint).\nAnswer again with nothing but JSON that is valid against the schema."))
  }

  /// The step ends for a reason that lies outside of it.
  /// - Parameter partial: what of an answer had come.
  public mutating func end(with ending: StepEnding, partial: Answer? = nil) {
    var ending = ending
    if ending.text.isEmpty { ending.text = partial.flatMap { $0.isEmpty ? nil : $0.text } ?? last?.text ?? "" }
    state = .ended(ending)
  }

  private mutating func end(_ ending: AgentEnding, _ message: String) {
    state = .ended(StepEnding(ending, message: message, text: last?.text ?? "", finish: last?.finish))
  }

  private mutating func stop(_ ending: AgentEnding, _ message: String) -> Action {
    let ending = StepEnding(ending, message: message, text: last?.text ?? "", finish: last?.finish)
    state = .ended(ending)
    return .end(ending)
  }

  private func count(_ number: some BinaryInteger, _ noun: String) -> String {
    "\(number) \(noun)\(number == 1 ? "" : "s")"
  }
}
