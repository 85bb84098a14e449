import AstroCore

/// The body of one call, as it is written; each dialect has an extension.
struct RequestBody {
  let adaptation: Adaptation
  let isOpenAI: Bool
  let version: AnthropicVersion
  var writer = JSONWriter(reserving: 1024)
  /// What could not be said.
  private(set) var notes: [String] = []

  init(adaptation: Adaptation, isOpenAI: Bool, version: AnthropicVersion) {
    self.adaptation = adaptation
    self.isOpenAI = isOpenAI
    self.version = version
  }

  mutating func object(_ name: String? = nil, _ body: (inout RequestBody) -> Void) {
    if let name { writer.key(name) }
    writer.beginObject()
    body(&self)
    writer.endObject()
  }

  mutating func array<Item>(_ name: String, of items: [Item], _ body: (inout RequestBody, Item) -> Void) {
    writer.key(name)
    writer.beginArray()
    for item in items { body(&self, item) }
    writer.endArray()
  }

  mutating func member(_ name: String, ifPresent number: Double?) { if let number { writer.member(name, number) } }

  /// Says that a field was left out.
  mutating func leaveOut(_ name: String, _ isGiven: Bool, because reason: String) {
    if isGiven { notes.append("\(name) is not sent: \(reason)") }
  }

  /// The system prompt, with the schema in words where it cannot be sent otherwise.
  func system(_ call: ModelRequest) -> String? {
    guard let schema = call.answerSchema, adaptation.schemaForm == .words else { return call.conversation.system }
    let demand = """
      Answer with one JSON value that is valid against this JSON Schema, and with nothing else:
      \(schema.schema.json)
      """
    return [call.conversation.system, demand].compactMap { $0 }.joined(separator: "\n\n")
  }

  /// The schema where the dialect's own field is used for it.
  func nativeSchema(_ call: ModelRequest) -> AnswerSchema? {
    adaptation.schemaForm == .native ? call.answerSchema : nil
  }

  /// A result as dialects get it that have no field for its failure.
  static func text(of result: ToolResult) -> String { result.isError ? "Error: \(result.text)" : result.text }
}

extension ContentPart {
  /// A text part of every dialect; `nil` for what is no text. A file is told by its name.
  var text: String? {
    switch self {
    case .text(let text): text
    case .file(let name, let text): "File \(name):\n\(text)"
    case .image: nil
    }
  }
}
