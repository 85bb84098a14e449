import AstroCore

/// Codex without a terminal: `codex exec --json`, events as lines of JSON.
enum Codex {
  static let executable = "codex"

  static func call(for request: CommandLineRequest) -> CommandLineProgram.Call {
    // The run's files are no repository, and are what it is to work on: by default it could only read.
    var arguments = [
      executable, "exec", "--json", "--ephemeral", "--skip-git-repo-check", "--sandbox", "workspace-write",
    ]
    if let model = request.model { arguments += ["-m", model] }
    // It has no option for a system prompt, and takes a schema from a file only: both are told it in words, and the answer is
    // held to the schema here.
    var parts = [request.prompt]
    if let system = request.system { parts.insert(system, at: 0) }
    if let schema = request.schema {
      parts.append("Answer with nothing but JSON that fits this JSON Schema:\n\(schema.json)")
    }
    return .init(arguments: arguments + ["-"], input: parts.joined(separator: "\n\n"))
  }

  static func answer(in printed: [UInt8]) throws(MalformedResult) -> CommandLineAnswer {
    var answer = CommandLineAnswer()
    var turns = 0
    var hasCompleted = false
    for line in try PrintedLine.lines(of: printed) {
      let event: JSONValue
      do throws(EvaluationError) { event = try JSONReader.parse(line.text) } catch {
        throw MalformedResult(line: line.number, error.message)
      }
      switch event.text("type") {
      case "thread.started": answer.session = event.text("thread_id")
      case "item.completed": take(event.member("item"), into: &answer)
      case "turn.completed":
        turns += 1
        hasCompleted = true
        (answer.ending, answer.message) = (.completed, nil)
        answer.usage = (answer.usage ?? TokenUsage()) + usage(event.member("usage"))
      case "turn.failed": fail(event.member("error")?.text("message"), &answer)
      // It may be one that it gets over: the turn says in the end.
      case "error" where !hasCompleted: fail(event.text("message"), &answer)
      default: break  // Others come with each version.
      }
    }
    answer.turns = turns > 0 ? turns : nil
    guard hasCompleted || answer.ending != .completed else {
      throw MalformedResult("stdout holds no turn of Codex that was completed")
    }
    return answer
  }

  private static func take(_ item: JSONValue?, into answer: inout CommandLineAnswer) {
    guard let item, item.text("type") == "agent_message", let text = item.text("text") else { return }
    answer.text = text
  }

  private static func fail(_ message: String?, _ answer: inout CommandLineAnswer) {
    answer.ending = .providerError
    answer.message = message ?? "Codex failed without saying why"
  }

  /// Its prompt includes what was cached, as OpenAI counts.
  private static func usage(_ usage: JSONValue?) -> TokenUsage {
    let prompt = usage?.tokens("input_tokens") ?? 0
    let cached = min(prompt, usage?.tokens("cached_input_tokens") ?? 0)
    return TokenUsage(input: prompt - cached, cacheRead: cached, output: usage?.tokens("output_tokens") ?? 0)
  }
}
