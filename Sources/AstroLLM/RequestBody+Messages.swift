import AstroCore

/// Anthropic's Messages: platform.claude.com/docs/en/api/messages, in both versions.
extension RequestBody {
  mutating func writeMessages(_ call: ModelRequest) {
    object { body in
      body.writer.member("model", call.model)
      body.writer.member("max_tokens", call.maxOutputTokens)
      if let system = body.system(call), !system.isEmpty { body.writer.member("system", system) }
      body.array("messages", of: Self.turns(call.conversation.messages)) { body, turn in
        body.object { body in
          body.writer.member("role", turn.role)
          body.array("content", of: turn.blocks) { $1(&$0) }
        }
      }
      body.writer.member("stream", true)
      body.writeMessagesSampling(call.sampling)
      if let schema = body.nativeSchema(call) {
        body.object("output_config") { body in
          body.object("format") {
            $0.writer.member("type", "json_schema")
            $0.writer.member("schema", schema.schema)
          }
        }
      }
      body.writeMessagesTools(call)
    }
  }

  private mutating func writeMessagesSampling(_ sampling: Sampling) {
    switch version {
    case .first:
      member("temperature", ifPresent: sampling.temperature)
      member("top_p", ifPresent: sampling.topP)
      writer.member("top_k", ifPresent: sampling.topK)
    case .second:
      // Any of them is answered with 400, even at its default.
      let reason = "version \(version.rawValue) of the Messages API does not take it"
      leaveOut("temperature", sampling.temperature != nil, because: reason)
      leaveOut("top_p", sampling.topP != nil, because: reason)
      leaveOut("top_k", sampling.topK != nil, because: reason)
    }
    leaveOut("seed", sampling.seed != nil, because: "the Messages API does not take it")
    if !sampling.stop.isEmpty { writer.member("stop_sequences", .list(sampling.stop.map(JSONValue.string))) }
  }

  private mutating func writeMessagesTools(_ call: ModelRequest) {
    guard !call.tools.isEmpty else { return }
    array("tools", of: call.tools) { body, tool in
      body.object {
        $0.writer.member("name", tool.name)
        if !tool.description.isEmpty { $0.writer.member("description", tool.description) }
        $0.writer.member("input_schema", tool.parameters)
      }
    }
    object("tool_choice") {
      switch call.toolChoice {
      case .auto: $0.writer.member("type", "auto")
      case .none: $0.writer.member("type", "none")
      case .required: $0.writer.member("type", "any")
      case .tool(let name):
        $0.writer.member("type", "tool")
        $0.writer.member("name", name)
      }
    }
  }

  private typealias Block = (inout RequestBody) -> Void

  /// Turns of user and assistant alternate, and neither may be empty; results come first in theirs.
  private static func turns(_ messages: [Message]) -> [(role: String, blocks: [Block])] {
    var turns: [(role: String, blocks: [Block])] = []
    for message in messages {
      let (role, blocks) = blocks(of: message)
      if blocks.isEmpty { continue }
      if turns.last?.role == role {
        turns[turns.count - 1].blocks += blocks
      } else {
        turns.append((role, blocks))
      }
    }
    return turns
  }

  private static func blocks(of message: Message) -> (role: String, blocks: [Block]) {
    switch message {
    case .user(let parts): ("user", parts.compactMap(block))
    case .assistant(let message): ("assistant", blocks(of: message))
    case .results(let results):
      (
        "user",
        results.map { result in
          { body in
            body.object {
              $0.writer.member("type", "tool_result")
              $0.writer.member("tool_use_id", result.id)
              $0.writer.member("content", result.text)
              if result.isError { $0.writer.member("is_error", true) }
            }
          }
        }
      )
    }
  }

  private static func block(of part: ContentPart) -> Block? {
    if case .image(let image) = part {
      return { body in
        body.object { body in
          body.writer.member("type", "image")
          body.object("source") {
            $0.writer.member("type", "base64")
            $0.writer.member("media_type", image.mediaType)
            $0.writer.member("data", image.base64)
          }
        }
      }
    }
    return textBlock(part.text ?? "")
  }

  private static func textBlock(_ text: String) -> Block? {
    guard text.utf8.contains(where: { $0 > 0x20 }) else { return nil }
    return { body in
      body.object {
        $0.writer.member("type", "text")
        $0.writer.member("text", text)
      }
    }
  }

  private static func blocks(of message: AssistantMessage) -> [Block] {
    if let native = message.native, native.dialect == .anthropicMessages {
      return native.items.map { item in { $0.writer.value(item) } }
    }
    // White space at the end of an assistant's last text is refused.
    var text = Substring(message.text)
    while let last = text.unicodeScalars.last, last.properties.isWhitespace { text.unicodeScalars.removeLast() }
    return [textBlock(String(text))].compactMap { $0 }
      + message.toolCalls.map { call in
        { body in
          body.object {
            $0.writer.member("type", "tool_use")
            $0.writer.member("id", call.id)
            $0.writer.member("name", call.name)
            $0.writer.member("input", call.input)
          }
        }
      }
  }
}

extension ToolCall {
  /// The arguments as the object they should be; an empty one where the model wrote anything else.
  var input: JSONValue {
    guard let value = try? JSONReader.parse(arguments), case .map = value else { return .map([:]) }
    return value
  }
}
