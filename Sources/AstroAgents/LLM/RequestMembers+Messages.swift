import AstroCore
import AstroLLM

/// What only models are told.
extension RequestMembers {
  /// - Parameter tools: those the task may call; `nil` where they are not known yet.
  func toolChoice(_ name: String, tools: [String]?) throws(Failure) -> ToolChoice {
    guard let choice = try text(name) else { return .auto }
    switch choice {
    case "auto": return .auto
    case "none": return .none
    case "required": return .required
    default:
      guard tools?.contains(choice) ?? true else {
        throw failure(
          name, "must be auto, none, required or one of 'tools', not '\(Terminal.printable(choice))'")
      }
      return .tool(choice)
    }
  }

  /// A conversation so far; what its system messages say is added to `system`.
  func messages(_ name: String, system: inout String?) throws(Failure) -> [Message] {
    guard let value = self[name] else { return [] }
    guard case .list(let items) = value else { throw failure(name, "is \(value.described), and not a list") }
    var messages: [Message] = []
    for (index, item) in items.enumerated() {
      let message = try nested(item, at: "\(name)[\(index)]", keys: ["role", "content", "name"])
      let parts = try message.parts("content")
      switch message["role"]?.text {
      case "user": messages.append(.user(parts))
      case "assistant": messages.append(.assistant(AssistantMessage(text: parts.text)))
      case "system", "developer":
        system = [system, parts.text].compactMap { $0 }.joined(separator: "\n\n")
      case let role:
        throw message.failure(
          "role", "must be system, user or assistant, not '\(Terminal.printable(role ?? ""))'")
      }
    }
    return messages
  }

  /// The content of a message as Chat Completions have it: a string, or parts.
  private func parts(_ name: String) throws(Failure) -> [ContentPart] {
    if case .string(let text)? = self[name] { return [.text(text)] }
    guard case .list(let items)? = self[name] else {
      throw failure(name, "is \((self[name] ?? .null).described), and neither a text nor a list of parts")
    }
    var parts: [ContentPart] = []
    for item in items { parts.append(try part(item, of: name)) }
    return parts
  }

  private func part(_ item: JSONValue, of name: String) throws(Failure) -> ContentPart {
    guard case .map(let members) = item else { throw failure(name, "holds \(item.described), and not a mapping") }
    switch members["type"]?.text {
    case "text", "input_text":
      guard case .string(let text)? = members["text"] else { break }
      return .text(text)
    case "image_url":
      guard case .map(let source)? = members["image_url"], case .string(let url)? = source["url"] else { break }
      guard let image = ImageContent(dataURL: url) else {
        throw failure(name, "has an image that is not a data URL of a PNG, JPEG, GIF or WebP file")
      }
      return .image(image)
    default: break
    }
    throw failure(name, "has a part that is neither text nor image_url")
  }
}

extension [ContentPart] {
  fileprivate var text: String {
    compactMap { if case .text(let text) = $0 { text } else { nil } }.joined(separator: "\n")
  }
}
