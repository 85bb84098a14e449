import AstroCore
import AstroLLM

/// Makes a step of a task: what it says and shows, in one conversation.
enum LLMPrompt {
  /// Of all files of text together, in bytes: more is no prompt.
  static let mostText = 32 << 20
  /// Of one picture.
  static let mostImage = 20 << 20

  /// Files and pictures come before the prompt that speaks of them.
  static func plan(of task: LLMTask, parts: [ContentPart], tools: ToolNames? = nil) throws(Failure) -> StepPlan {
    var conversation = Conversation(system: task.system, messages: task.messages)
    let own = parts + (task.prompt.map { [.text($0)] } ?? [])
    if !own.isEmpty { conversation.messages.append(.user(own)) }
    var plan = StepPlan(
      conversation: conversation, sampling: task.sampling, tools: tools?.descriptions ?? [],
      toolChoice: task.toolChoice, ceilings: task.ceilings)
    if case .tool(let name) = task.toolChoice { plan.toolChoice = tools?.called(name).map(ToolChoice.tool) ?? .auto }
    guard let schema = task.outputSchema else { return plan }
    do throws(JSONSchema.Malformed) { try plan.demand(schema) } catch {
      throw Failure(.invalidWorkflow, subject: "with.output_schema", message: "is no schema: \(error)")
    }
    return plan
  }

  /// Reads the files of a task.
  static func parts(of task: LLMTask, from directory: String) throws(Failure) -> [ContentPart] {
    var parts: [ContentPart] = []
    var room = mostText
    for name in task.files {
      let bytes = try InputFile(name: name, directory: directory).read(limit: room)
      room -= bytes.count
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw unusable(name, "is no text: it is not UTF-8")
      }
      parts.append(.file(name: name, text: text))
    }
    for name in task.images {
      guard let image = ImageContent(try InputFile(name: name, directory: directory).read(limit: mostImage)) else {
        throw unusable(name, "is no picture that models take: neither PNG nor JPEG, GIF or WebP")
      }
      parts.append(.image(image))
    }
    return parts
  }

  private static func unusable(_ name: String, _ message: String) -> Failure {
    Failure(.invalidWorkflow, subject: "input file '\(Terminal.printable(name))'", message: message)
  }
}
