public import AstroCore

/// One call to a model, in no provider's form.
public struct ModelRequest: Sendable, Hashable {
  public var model: String
  public var conversation: Conversation
  /// Of the answer, thinking included.
  public var maxOutputTokens: Int64
  public var sampling: Sampling
  public var tools: [ToolDescription]
  public var toolChoice: ToolChoice
  public var answerSchema: AnswerSchema?

  public init(
    model: String, conversation: Conversation, maxOutputTokens: Int64, sampling: Sampling = Sampling(),
    tools: [ToolDescription] = [], toolChoice: ToolChoice = .auto, answerSchema: AnswerSchema? = nil
  ) {
    self.model = model
    self.conversation = conversation
    self.maxOutputTokens = maxOutputTokens
    self.sampling = sampling
    self.tools = tools
    self.toolChoice = toolChoice
    self.answerSchema = answerSchema
  }
}

/// How the next token is drawn. `nil` is the provider's default.
public struct Sampling: Sendable, Hashable {
  public var temperature: Double?
  public var topP: Double?
  public var topK: Int64?
  public var seed: Int64?
  /// Texts at which an answer ends.
  public var stop: [String]

  public init(
    temperature: Double? = nil, topP: Double? = nil, topK: Int64? = nil, seed: Int64? = nil, stop: [String] = []
  ) {
    self.temperature = temperature
    self.topP = topP
    self.topK = topK
    self.seed = seed
    self.stop = stop
  }
}

/// What an answer is to look like.
public struct AnswerSchema: Sendable, Hashable {
  /// OpenAI wants one: letters, digits, `_` and `-`.
  public var name: String
  public var schema: JSONValue

  public init(name: String = "answer", schema: JSONValue) {
    self.name = name
    self.schema = schema
  }

  /// Whether it keeps the rules of OpenAI's `strict`: each object closed, each of its properties required
  /// (platform.openai.com/docs/guides/structured-outputs). A schema that does not is refused when sent as strict.
  var isStrict: Bool { Self.isStrict(schema) }

  private static func isStrict(_ schema: JSONValue) -> Bool {
    guard case .map(let members) = schema else { return true }
    if let properties = members["properties"]?.members {
      let required = Set((members["required"]?.items ?? []).compactMap(\.string))
      guard required == Set(properties.keys), members["additionalProperties"] == .bool(false) else { return false }
    } else if members["type"] == .string("object") {
      return false
    }
    return members.allSatisfy { name, value in
      switch name {
      case "properties", "$defs": value.members?.values.allSatisfy(isStrict) ?? true
      case "items": isStrict(value)
      case "anyOf": value.items?.allSatisfy(isStrict) ?? true
      case "allOf", "oneOf", "not", "if", "prefixItems", "patternProperties", "dependentSchemas": false
      default: true
      }
    }
  }
}
