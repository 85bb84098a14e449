import AstroCore

/// Chat Completions: platform.openai.com/docs/api-reference/chat/create, the fields that compatible servers share.
extension RequestBody {
  mutating func writeChat(_ call: ModelRequest) {
    object { body in
      body.writer.member("model", call.model)
      body.array("messages", of: body.chatMessages(call)) { $1(&$0) }
      body.writer.member("stream", true)
      if body.adaptation.asksForUsage { body.object("stream_options") { $0.writer.member("include_usage", true) } }
      body.writer.member(body.adaptation.tokenParameter.rawValue, call.maxOutputTokens)
      body.writeChatSampling(call.sampling)
      body.writeChatSchema(call)
      body.writeChatTools(call)
    }
  }

  private mutating func writeChatSampling(_ sampling: Sampling) {
    member("temperature", ifPresent: sampling.temperature)
    member("top_p", ifPresent: sampling.topP)
    // Local servers take it; OpenAI refuses the whole request for it.
    if isOpenAI {
      leaveOut("top_k", sampling.topK != nil, because: "OpenAI does not take it")
    } else {
      writer.member("top_k", ifPresent: sampling.topK)
    }
    writer.member("seed", ifPresent: sampling.seed)
    if !sampling.stop.isEmpty { writer.member("stop", .list(sampling.stop.map(JSONValue.string))) }
  }

  private mutating func writeChatSchema(_ call: ModelRequest) {
    guard let schema = nativeSchema(call) else { return }
    object("response_format") { body in
      body.writer.member("type", "json_schema")
      body.object("json_schema") {
        $0.writer.member("name", schema.name)
        $0.writer.member("schema", schema.schema)
        $0.writer.member("strict", schema.isStrict)
      }
    }
  }

  private mutating func writeChatTools(_ call: ModelRequest) {
    guard !call.tools.isEmpty else { return }
    array("tools", of: call.tools) { body, tool in
      body.object { body in
        body.writer.member("type", "function")
        body.object("function") {
          $0.writer.member("name", tool.name)
          if !tool.description.isEmpty { $0.writer.member("description", tool.description) }
          $0.writer.member("parameters", tool.parameters)
        }
      }
    }
    switch call.toolChoice {
    case .auto: writer.member("tool_choice", "auto")
    case .none: writer.member("tool_choice", "none")
    case .required: writer.member("tool_choice", "required")
    case .tool(let name):
      object("tool_choice") { body in
        body.writer.member("type", "function")
        body.object("function") { $0.writer.member("name", name) }
      }
    }
  }

  private func chatMessages(_ call: ModelRequest) -> [(inout RequestBody) -> Void] {
    var messages: [(inout RequestBody) -> Void] = []
    if let system = system(call) { messages.append { $0.writeChat(role: "system", system) } }
    for message in call.conversation.messages {
      switch message {
      case .user(let parts): messages.append { $0.writeChat(user: parts) }
      case .assistant(let message): messages.append { $0.writeChat(assistant: message) }
      case .results(let results):
        for result in results {
          messages.append { body in
            body.object {
              $0.writer.member("role", "tool")
              $0.writer.member("tool_call_id", result.id)
              $0.writer.member("content", Self.text(of: result))
            }
          }
        }
      }
    }
    return messages
  }

  private mutating func writeChat(role: String, _ text: String) {
    object {
      $0.writer.member("role", role)
      $0.writer.member("content", text)
    }
  }

  private mutating func writeChat(user parts: [ContentPart]) {
    // A plain string where it says all: not every server takes parts.
    if parts.count == 1, let text = parts[0].text { return writeChat(role: "user", text) }
    object { body in
      body.writer.member("role", "user")
      body.array("content", of: parts) { body, part in
        body.object { body in
          if case .image(let image) = part {
            body.writer.member("type", "image_url")
            body.object("image_url") { $0.writer.member("url", image.dataURL) }
          } else {
            body.writer.member("type", "text")
            body.writer.member("text", part.text ?? "")
          }
        }
      }
    }
  }

  private mutating func writeChat(assistant message: AssistantMessage) {
    object { body in
      body.writer.member("role", "assistant")
      if message.toolCalls.isEmpty || !message.text.isEmpty {
        body.writer.member("content", message.text)
      } else {
        body.writer.member("content", .null)
      }
      guard !message.toolCalls.isEmpty else { return }
      body.array("tool_calls", of: message.toolCalls) { body, call in
        body.object { body in
          body.writer.member("id", call.id)
          body.writer.member("type", "function")
          body.object("function") {
            $0.writer.member("name", call.name)
            $0.writer.member("arguments", call.arguments)
          }
        }
      }
    }
  }
}

extension ImageContent {
  /// RFC 2397.
  var dataURL: String { "data:\(mediaType);base64,\(base64)" }
}
