import AstroCore

/// How many tokens a prompt can be, known without the model's tokenizer.
public struct TokenEstimator: Sendable, Hashable {
  public var dialect: Dialect

  public init(dialect: Dialect) { self.dialect = dialect }

  /// Of each message, for the marks around it.
  static let perMessage: Int64 = 16
  /// For the preamble that providers put before tools.
  static let forTools: Int64 = 600

  /// Never less than the provider counts: tokenizers that work on bytes give no more tokens than there are UTF-8 bytes.
  public func bound(of call: ModelRequest) -> Int64 {
    var bound = textBytes(of: call) + Self.perMessage * Int64(call.conversation.messages.count + 1)
    if !call.tools.isEmpty { bound += Self.forTools }
    return bound + imageTokens(of: call)
  }

  /// The bytes of all that is text to the model.
  func textBytes(of call: ModelRequest) -> Int64 {
    var bytes = call.conversation.system?.utf8.count ?? 0
    for message in call.conversation.messages { bytes += Self.textBytes(of: message) }
    for tool in call.tools {
      bytes += tool.name.utf8.count + tool.description.utf8.count + tool.parameters.json.utf8.count
    }
    // A schema may be sent in words, or be put into the prompt by the provider.
    if let schema = call.answerSchema { bytes += schema.schema.json.utf8.count + 128 }
    return Int64(bytes)
  }

  private static func textBytes(of message: Message) -> Int {
    switch message {
    case .user(let parts): parts.reduce(0) { $0 + ($1.text?.utf8.count ?? 0) }
    case .assistant(let message):
      message.native?.items.reduce(0) { $0 + $1.json.utf8.count }
        ?? message.toolCalls.reduce(message.text.utf8.count) {
          $0 + $1.id.utf8.count + $1.name.utf8.count + $1.arguments.utf8.count
        }
    case .results(let results): results.reduce(0) { $0 + $1.id.utf8.count + $1.text.utf8.count + 8 }
    }
  }

  private func imageTokens(of call: ModelRequest) -> Int64 {
    let images = call.conversation.messages.reduce(0) { count, message in
      guard case .user(let parts) = message else { return count }
      return count + parts.count { if case .image = $0 { true } else { false } }
    }
    return Int64(images) * imageTokens(model: call.model)
  }

  /// The most that one picture is: as the providers' guides to vision have it, for servers of one's own as the largest
  /// open models do.
  public func imageTokens(model: String) -> Int64 {
    if dialect == .anthropicMessages { return 5000 }
    // Its pictures are counted 33 times as high as those of its family, so that they cost the same.
    return model.hasPrefix("gpt-4o-mini") ? 50_000 : 16_384
  }
}
