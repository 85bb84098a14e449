import AstroCore
import AstroLLM

/// Reads the members of a `with:`, each as what it must be.
struct WithReader {
  private let members: [String: JSONValue]

  init(_ with: JSONValue, keys: [String]) throws(Failure) {
    guard case .map(let members) = with else {
      throw Self.failure("it must be a mapping, not \(with.described)")
    }
    for key in members.keys.sorted() where !keys.contains(key) {
      throw Self.failure("unknown key '\(key)'; the keys are \(keys.joined(separator: ", "))")
    }
    // An expression that gives nothing is as good as no key.
    self.members = members.filter { $0.value != .null }
  }

  func has(_ name: String) -> Bool { members[name] != nil }

  static func failure(_ message: String) -> Failure {
    Failure(.invalidWorkflow, subject: "with", message: Terminal.printable(message))
  }

  private func mismatch(_ name: String, _ wanted: String, _ value: JSONValue) -> Failure {
    Self.failure("'\(name)' must be \(wanted), not \(value.described)")
  }

  /// Numbers become their text, as an expression may have made them.
  func text(_ name: String) throws(Failure) -> String? {
    guard let value = members[name] else { return nil }
    switch value {
    case .string, .integer, .number, .bool: return value.text
    default: throw mismatch(name, "a string", value)
    }
  }

  /// A list of strings, or one.
  func texts(_ name: String) throws(Failure) -> [String] {
    guard let value = members[name] else { return [] }
    if case .string(let text) = value { return [text] }
    guard case .list(let items) = value else { throw mismatch(name, "a list of strings", value) }
    var texts: [String] = []
    for item in items {
      guard case .string(let text) = item else { throw mismatch(name, "a list of strings", item) }
      texts.append(text)
    }
    return texts
  }

  /// Also as a string, which is what an expression inside a text gives.
  func number(_ name: String, in range: ClosedRange<Double>) throws(Failure) -> Double? {
    guard let value = members[name] else { return nil }
    let number: Double? =
      switch value {
      case .integer(let number): Double(number)
      case .number(let number): number
      case .string(let text): Double(text)
      default: nil
      }
    guard let number else { throw mismatch(name, "a number", value) }
    guard range.contains(number) else {
      throw Self.failure(
        "'\(name)' must be \(Self.spell(range.lowerBound)) to \(Self.spell(range.upperBound)), not \(value.text)")
    }
    return number
  }

  private static func spell(_ number: Double) -> String { JSONValue.number(number).json }

  func integer(_ name: String, in range: ClosedRange<Int64>) throws(Failure) -> Int64? {
    guard let value = members[name] else { return nil }
    return try Self.integer(name, value, in: range)
  }

  private static func integer(_ name: String, _ value: JSONValue, in range: ClosedRange<Int64>) throws(Failure) -> Int64
  {
    let number: Int64? =
      switch value {
      case .integer(let number): number
      case .number(let number): Int64(exactly: number)
      case .string(let text): Int64(text)
      default: nil
      }
    guard let number else { throw failure("'\(name)' must be an integer, not \(value.described)") }
    guard range.contains(number) else {
      throw failure("'\(name)' must be \(range.lowerBound) to \(range.upperBound), not \(number)")
    }
    return number
  }

  /// The one member a mapping may have.
  func member(_ name: String, _ key: String, in range: ClosedRange<Int64>) throws(Failure) -> Int64? {
    guard let value = members[name] else { return nil }
    guard case .map(let inner) = value else { throw mismatch(name, "a mapping", value) }
    for other in inner.keys.sorted() where other != key {
      throw Self.failure("'\(name)' has an unknown key '\(other)'; the key is '\(key)'")
    }
    guard let value = inner[key] else { return nil }
    return try Self.integer("\(name).\(key)", value, in: range)
  }

  func schema(_ name: String) throws(Failure) -> JSONValue? {
    guard let value = members[name] else { return nil }
    guard case .map = value else { throw mismatch(name, "a JSON Schema", value) }
    do throws(JSONSchema.Malformed) {
      _ = try JSONSchema(value)
    } catch {
      throw Self.failure("'\(name)' cannot be used: \(error)")
    }
    return value
  }

  func toolChoice(_ name: String, tools: [String]) throws(Failure) -> ToolChoice {
    guard let choice = try text(name) else { return .auto }
    switch choice {
    case "auto": return .auto
    case "none": return .none
    case "required": return .required
    default:
      guard tools.contains(choice) else {
        throw Self.failure("'\(name)' must be auto, none, required or one of 'tools', not '\(choice)'")
      }
      return .tool(choice)
    }
  }

  /// A conversation so far; what its system messages say is added to `system`.
  func messages(_ name: String, system: inout String?) throws(Failure) -> [Message] {
    guard let value = members[name] else { return [] }
    guard case .list(let items) = value else { throw mismatch(name, "a list of messages", value) }
    var messages: [Message] = []
    for (index, item) in items.enumerated() {
      let place = "\(name)[\(index)]"
      guard case .map(let message) = item else { throw mismatch(place, "a mapping of role and content", item) }
      for key in message.keys.sorted() where !["role", "content", "name"].contains(key) {
        throw Self.failure("'\(place)' has an unknown key '\(key)'; the keys are role and content")
      }
      let parts = try MessageParts.read(message["content"] ?? .null, place)
      switch message["role"]?.text {
      case "user": messages.append(.user(parts))
      case "assistant": messages.append(.assistant(AssistantMessage(text: MessageParts.text(of: parts))))
      case "system", "developer":
        system = [system, MessageParts.text(of: parts)].compactMap { $0 }.joined(separator: "\n\n")
      default:
        throw Self.failure("'\(place).role' must be system, user or assistant, not '\(message["role"]?.text ?? "")'")
      }
    }
    return messages
  }
}

/// The content of a message as Chat Completions have it: a string, or parts.
private enum MessageParts {
  static func read(_ content: JSONValue, _ place: String) throws(Failure) -> [ContentPart] {
    if case .string(let text) = content { return [.text(text)] }
    guard case .list(let items) = content else {
      throw WithReader.failure("'\(place).content' must be a string or a list of parts, not \(content.described)")
    }
    var parts: [ContentPart] = []
    for item in items { parts.append(try part(item, place)) }
    return parts
  }

  private static func part(_ item: JSONValue, _ place: String) throws(Failure) -> ContentPart {
    guard case .map(let members) = item else {
      throw WithReader.failure("'\(place).content' must hold mappings, not \(item.described)")
    }
    switch members["type"]?.text {
    case "text", "input_text":
      guard case .string(let text)? = members["text"] else { break }
      return .text(text)
    case "image_url":
      guard case .map(let source)? = members["image_url"], case .string(let url)? = source["url"] else { break }
      guard let image = ImageContent(dataURL: url) else {
        throw WithReader.failure(
          "'\(place).content' has an image that is not a data URL of a PNG, JPEG, GIF or WebP file")
      }
      return .image(image)
    default: break
    }
    throw WithReader.failure("'\(place).content' has a part that is neither text nor image_url")
  }

  static func text(of parts: [ContentPart]) -> String {
    parts.compactMap { if case .text(let text) = $0 { text } else { nil } }.joined(separator: "\n")
  }
}
