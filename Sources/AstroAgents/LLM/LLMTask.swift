public import AstroCore
public import AstroLLM

/// The `with:` of an llm task, expressions resolved.
public struct LLMTask: Sendable {
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

  /// Every key there is.
  public static let keys = [
    "files", "images", "max_cost_usd", "max_output_tokens", "max_tool_calls", "max_turns", "messages", "model",
    "on_invalid_output", "output_schema", "prompt", "seed", "stop", "system", "temperature", "tool_choice", "tools",
    "top_k", "top_p",
  ]

  /// - Parameter settings: of the agent, for what the task does not say.
  /// - Throws: the first thing that is wrong with it.
  public init(_ with: JSONValue, of settings: LLMSettings) throws(Failure) {
    let reader = try WithReader(with, keys: Self.keys)
    model = try reader.text("model")
    system = try reader.text("system")
    prompt = try reader.text("prompt")
    messages = try reader.messages("messages", system: &system)
    files = try reader.texts("files")
    images = try reader.texts("images")
    guard prompt != nil || !messages.isEmpty else {
      throw WithReader.failure("there is neither 'prompt' nor 'messages'")
    }
    sampling = Sampling(
      temperature: try reader.number("temperature", in: 0...100), topP: try reader.number("top_p", in: 0...1),
      topK: try reader.integer("top_k", in: 0...1_000_000), seed: try reader.integer("seed", in: .min ... .max),
      stop: try reader.texts("stop"))
    outputSchema = try reader.schema("output_schema")
    tools = reader.has("tools") ? try reader.texts("tools") : settings.tools
    toolChoice = try reader.toolChoice("tool_choice", tools: tools)
    ceilings.outputTokens = settings.maxOutputTokens
    try readCeilings(reader)
  }

  private mutating func readCeilings(_ reader: WithReader) throws(Failure) {
    if let turns = try reader.integer("max_turns", in: 1...10_000) { ceilings.turns = Int(turns) }
    if let calls = try reader.integer("max_tool_calls", in: 0...100_000) { ceilings.toolCalls = Int(calls) }
    if let tokens = try reader.integer("max_output_tokens", in: 1...10_000_000) { ceilings.outputTokens = tokens }
    if let dollars = try reader.number("max_cost_usd", in: 0...1_000_000) {
      ceilings.cost = Money(picodollars: Int64((dollars * Double(Money.perDollar)).rounded()))
    }
    if let reask = try reader.member("on_invalid_output", "reask", in: 0...100) { ceilings.reasks = Int(reask) }
  }
}
