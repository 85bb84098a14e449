public import AstroCore
public import AstroLLM

/// The `with:` of an llm task, expressions resolved.
public struct LLMTask: Sendable {
  /// Of tasks that do not say.
  public struct Defaults: Sendable {
    public var maxOutputTokens: Int64
    public var tools: [String]

    public init(maxOutputTokens: Int64 = 4096, tools: [String] = []) {
      self.maxOutputTokens = maxOutputTokens
      self.tools = tools
    }
  }

  /// `nil`: the agent's.
  public var model: String?
  public var system: String?
  public var messages: [Message] = []
  public var prompt: String?
  /// Files of text, below the run's `files/`.
  public var files: [String] = []
  public var images: [String] = []
  public var sampling = Sampling()
  public var outputSchema: JSONValue?
  public var ceilings = StepCeilings()
  public var tools: [String] = []
  public var toolChoice = ToolChoice.auto

  private static let keys = [
    "files", "images", "max_cost_usd", "max_output_tokens", "max_tool_calls", "max_turns", "messages", "model",
    "on_invalid_output", "output_schema", "prompt", "seed", "stop", "system", "temperature", "tool_choice", "tools",
    "top_k", "top_p",
  ]

  /// - Parameter undecided: keys whose values are known only when the task runs: nothing is said about them.
  /// - Throws: the first thing that is wrong with it.
  public init(_ with: JSONValue, of defaults: Defaults, undecided: Set<String> = []) throws(Failure) {
    let request = try RequestMembers(with, keys: Self.keys, undecided: undecided)
    try request.require("prompt", "messages")
    model = try request.text("model")
    system = try request.text("system")
    prompt = try request.text("prompt")
    messages = try request.messages("messages", system: &system)
    files = try request.files("files")
    images = try request.files("images")
    sampling = Sampling(
      temperature: try request.number("temperature", in: RequestRange.temperature),
      topP: try request.number("top_p", in: RequestRange.topP),
      topK: try request.integer("top_k", in: RequestRange.topK).map(Int64.init),
      seed: try request.integer("seed").map(Int64.init), stop: try request.list("stop"))
    outputSchema = try request.schema("output_schema")
    tools = request["tools"] == nil ? defaults.tools : try request.list("tools")
    toolChoice = try request.toolChoice("tool_choice", tools: request.isUndecided("tools") ? nil : tools)
    ceilings.outputTokens = defaults.maxOutputTokens
    try readCeilings(request)
  }

  private mutating func readCeilings(_ request: RequestMembers) throws(Failure) {
    if let turns = try request.integer("max_turns", in: RequestRange.turns) { ceilings.turns = turns }
    if let calls = try request.integer("max_tool_calls", in: RequestRange.toolCalls) { ceilings.toolCalls = calls }
    if let tokens = try request.integer("max_output_tokens", in: RequestRange.outputTokens) {
      ceilings.outputTokens = Int64(tokens)
    }
    if let cost = try request.money("max_cost_usd") { ceilings.cost = cost }
    if let reasks = try request.mapping("on_invalid_output", keys: ["reask"])?
      .integer("reask", in: RequestRange.reasks)
    {
      ceilings.reasks = reasks
    }
  }
}
