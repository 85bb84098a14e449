import AstroCore

/// Responses: platform.openai.com/docs/api-reference/responses/create. Nothing is kept by the provider (`store: false`), so
/// that the whole conversation is sent each time, and copies of the interface without state can serve it.
extension RequestBody {
  mutating func writeResponses(_ call: ModelRequest) {
    object { body in
      body.writer.member("model", call.model)
      if let system = body.system(call) { body.writer.member("instructions", system) }
      body.array("input", of: Self.responsesItems(call.conversation)) { $1(&$0) }
      body.writer.member("stream", true)
      body.writer.member("store", false)
      body.writer.member("max_output_tokens", call.maxOutputTokens)
      body.member("temperature", ifPresent: call.sampling.temperature)
      body.member("top_p", ifPresent: call.sampling.topP)
      body.writeResponsesSchema(call)
      body.writeResponsesTools(call)
      let reason = "the Responses API does not take it"
      body.leaveOut("top_k", call.sampling.topK != nil, because: reason)
      body.leaveOut("seed", call.sampling.seed != nil, because: reason)
      body.leaveOut("stop", !call.sampling.stop.isEmpty, because: reason)
    }
  }

  private mutating func writeResponsesSchema(_ call: ModelRequest) {
    guard let schema = nativeSchema(call) else { return }
    object("text") { body in
      body.object("format") {
        $0.writer.member("type", "json_schema")
        $0.writer.member("name", schema.name)
        $0.writer.member("schema", schema.schema)
        $0.writer.member("strict", schema.isStrict)
      }
    }
  }

  private mutating func writeResponsesTools(_ call: ModelRequest) {
    guard !call.tools.isEmpty else { return }
    array("tools", of: call.tools) { body, tool in
      body.object {
        $0.writer.member("type", "function")
        $0.writer.member("name", tool.name)
        if !tool.description.isEmpty { $0.writer.member("description", tool.description) }
        $0.writer.member("parameters", tool.parameters)
        // Absent, it is taken for true, and schemas of MCP servers are not made for that.
        $0.writer.member("strict", false)
      }
    }
    switch call.toolChoice {
    case .auto: writer.member("tool_choice", "auto")
    case .none: writer.member("tool_choice", "none")
    case .required: writer.member("tool_choice", "required")
    case .tool(let name):
      object("tool_choice") {
        $0.writer.member("type", "function")
        $0.writer.member("name", name)
      }
    }
  }

  private static func responsesItems(_ conversation: Conversation) -> [(inout RequestBody) -> Void] {
    conversation.messages.flatMap { message -> [(inout RequestBody) -> Void] in
      switch message {
      case .user(let parts): [{ $0.writeResponses(user: parts) }]
      case .assistant(let message): responsesItems(message)
      case .results(let results):
        results.map { result in
          { body in
            body.object {
              $0.writer.member("type", "function_call_output")
              $0.writer.member("call_id", result.id)
              $0.writer.member("output", text(of: result))
            }
          }
        }
      }
    }
  }

  private static func responsesItems(_ message: AssistantMessage) -> [(inout RequestBody) -> Void] {
    if let native = message.native, native.dialect == .openAIResponses {
      return native.items.map { item in { $0.writer.value(item) } }
    }
    var items: [(inout RequestBody) -> Void] = []
    if !message.text.isEmpty {
      items.append { body in
        body.object {
          $0.writer.member("role", "assistant")
          $0.writer.member("content", message.text)
        }
      }
    }
    for call in message.toolCalls {
      items.append { body in
        body.object {
          $0.writer.member("type", "function_call")
          $0.writer.member("call_id", call.id)
          $0.writer.member("name", call.name)
          $0.writer.member("arguments", call.arguments)
        }
      }
    }
    return items
  }

  private mutating func writeResponses(user parts: [ContentPart]) {
    object { body in
      body.writer.member("role", "user")
      if parts.count == 1, let text = parts[0].text { return body.writer.member("content", text) }
      body.array("content", of: parts) { body, part in
        body.object {
          if case .image(let image) = part {
            $0.writer.member("type", "input_image")
            $0.writer.member("detail", "auto")
            $0.writer.member("image_url", image.dataURL)
          } else {
            $0.writer.member("type", "input_text")
            $0.writer.member("text", part.text ?? "")
          }
        }
      }
    }
  }
}
