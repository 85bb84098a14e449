public import AstroCore

/// What one step may do: its first call, and its ceilings.
public struct StepPlan: Sendable {
  public var conversation: Conversation
  public var sampling: Sampling
  public var tools: [ToolDescription]
  /// Until a tool has been called; then the model is free to answer.
  public var toolChoice: ToolChoice
  public var answerSchema: AnswerSchema?
  /// The same, to validate by.
  public var schema: JSONSchema?
  public var ceilings: StepCeilings

  public init(
    conversation: Conversation, sampling: Sampling = Sampling(), tools: [ToolDescription] = [],
    toolChoice: ToolChoice = .auto, ceilings: StepCeilings = StepCeilings()
  ) {
    self.conversation = conversation
    self.sampling = sampling
    self.tools = tools
    self.toolChoice = toolChoice
    self.ceilings = ceilings
  }

  /// Demands an answer that is valid against `schema`.
  public mutating func demand(_ schema: JSONValue) throws(JSONSchema.Malformed) {
    self.schema = try JSONSchema(schema)
    answerSchema = AnswerSchema(schema: schema)
  }
}

/// The most one step may take.
public struct StepCeilings: Sendable, Hashable {
  /// Calls to the model, those that ask again included.
  public var turns: Int
  public var toolCalls: Int
  /// Tokens of all its answers together, thinking included.
  public var outputTokens: Int64
  /// How often an answer that is not valid is asked for again.
  public var reasks: Int
  public var cost: Money?

  public init(
    turns: Int = 10, toolCalls: Int = 40, outputTokens: Int64 = 4096, reasks: Int = 2, cost: Money? = nil
  ) {
    self.turns = turns
    self.toolCalls = toolCalls
    self.outputTokens = outputTokens
    self.reasks = reasks
    self.cost = cost
  }
}

/// Whom a call goes to, as far as its ceiling depends on that.
public struct CallTarget: Sendable {
  public var model: String
  public var price: ModelPrice?
  public var estimator: TokenEstimator

  public init(model: String, price: ModelPrice?, estimator: TokenEstimator) {
    self.model = model
    self.price = price
    self.estimator = estimator
  }

  /// The most that a call can take.
  public func ceiling(of call: ModelRequest) -> CallCeiling {
    let prompt = estimator.bound(of: call)
    return CallCeiling(
      model: model, tokens: prompt + call.maxOutputTokens,
      cost: price?.ceiling(prompt: prompt, output: call.maxOutputTokens))
  }
}
