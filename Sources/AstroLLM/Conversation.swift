public import AstroCore

/// What a model is told and has said, in no provider's form.
public struct Conversation: Sendable, Hashable {
  public var system: String?
  public var messages: [Message]

  public init(system: String? = nil, messages: [Message] = []) {
    self.system = system
    self.messages = messages
  }
}

public enum Message: Sendable, Hashable {
  case user([ContentPart])
  case assistant(AssistantMessage)
  /// What the tools gave that the message before asked for.
  case results([ToolResult])

  public static func user(_ text: String) -> Message { .user([.text(text)]) }
}

public enum ContentPart: Sendable, Hashable {
  case text(String)
  case image(ImageContent)
  /// A file of text, under the name it is told by.
  case file(name: String, text: String)
}

/// What a model said.
public struct AssistantMessage: Sendable, Hashable {
  public var text: String
  public var toolCalls: [ToolCall]
  /// The parts of it as the provider sent them, where some are neither text nor calls (thinking, signed) and have to come
  /// back as they were; other dialects get text and calls.
  public var native: NativeContent?

  public init(text: String = "", toolCalls: [ToolCall] = [], native: NativeContent? = nil) {
    self.text = text
    self.toolCalls = toolCalls
    self.native = native
  }
}

public struct NativeContent: Sendable, Hashable {
  public var dialect: Dialect
  public var items: [JSONValue]

  public init(dialect: Dialect, items: [JSONValue]) {
    self.dialect = dialect
    self.items = items
  }
}

/// A model's wish to have a tool called.
public struct ToolCall: Sendable, Hashable {
  public var id: String
  public var name: String
  /// JSON as the model wrote it, which need not be JSON.
  public var arguments: String

  public init(id: String, name: String, arguments: String) {
    self.id = id
    self.name = name
    self.arguments = arguments
  }
}

public struct ToolResult: Sendable, Hashable {
  public var id: String
  public var text: String
  /// The tool failed; the text says how, for the model to read.
  public var isError: Bool

  public init(id: String, text: String, isError: Bool = false) {
    self.id = id
    self.text = text
    self.isError = isError
  }
}

/// A tool as a model sees it.
public struct ToolDescription: Sendable, Hashable {
  public var name: String
  public var description: String
  /// The JSON Schema of its arguments.
  public var parameters: JSONValue

  public init(name: String, description: String = "", parameters: JSONValue = .map(["type": .string("object")])) {
    self.name = name
    self.description = description
    self.parameters = parameters
  }
}

public enum ToolChoice: Sendable, Hashable {
  case auto, none, required
  case tool(String)
}
