import AstroCore
import AstroLLM

extension LLMAttempt {
  /// The most of a result that the model sees, in bytes; the whole of a longer one is kept beside the transcript.
  static let longestResult = 64 << 10

  /// Calls tools one after the other. Each call is on disk before it is made, and its result before anything else is done.
  mutating func runTools(_ calls: [ToolCall]) async throws(Failure) {
    let known = replay.tools[loop.turns] ?? []
    var results: [ToolResult] = []
    for (index, call) in calls.enumerated() {
      if index < known.count, case .done(let result) = known[index] {
        results.append(result)
        continue
      }
      if let ending = replay.ending { return loop.end(with: ending) }
      let tool = tools[call.name]
      if index < known.count, tool?.isIdempotent != true {
        return loop.end(
          with: StepEnding(
            .toolError,
            message:
              "the tool '\(call.name)' was being called when the attempt broke off, and is not known to be safe to repeat"
          ))
      }
      if Task.isCancelled { return loop.end(with: .interrupted) }
      try await write([.toolCall(call)], durable: true)
      guard let result = try await result(of: call, tool, index) else { return }
      try await write([.toolResult(result)], durable: true)
      results.append(result)
    }
    loop.receive(results)
  }

  /// `nil`: the step has ended. A tool that the model made up, and arguments that are none, are for the model to mend.
  private mutating func result(of call: ToolCall, _ tool: OfferedTool?, _ index: Int) async throws(Failure)
    -> ToolResult?
  {
    guard let tool, let box else {
      let names = tools.descriptions.map(\.name).joined(separator: ", ")
      return ToolResult(id: call.id, text: "there is no tool '\(call.name)'; the tools are \(names)", isError: true)
    }
    let arguments: JSONValue
    do throws(EvaluationError) {
      arguments = try JSONReader.parse(call.arguments)
      guard case .map = arguments else { throw EvaluationError("they are \(arguments.described)") }
    } catch {
      return ToolResult(
        id: call.id, text: "the arguments are not one JSON object: \(error.message)", isError: true)
    }
    do throws(Failure) {
      let outcome = try await box.call(tool.description.name, arguments: arguments)
      // Before it is cut: half a secret would not be known any more.
      return ToolResult(id: call.id, text: try await capped(hide(outcome.text), index), isError: outcome.isError)
    } catch {
      let failed = StepEnding(
        .toolError, message: "the tool '\(tool.description.name)' failed: \(error)", infrastructure: true)
      loop.end(with: Task.isCancelled ? .interrupted : failed)
      return nil
    }
  }

  private func capped(_ text: String, _ index: Int) async throws(Failure) -> String {
    guard text.utf8.count > Self.longestResult else { return text }
    let name = "tool-\(loop.turns)-\(index + 1).txt"
    let directory = request.directory.attempt(request.key)
    let whole = Array(text.utf8)
    try await BlockingWork.run { () throws(Failure) in try Folder.write(whole, as: name, in: directory) }
    var kept = Array(text.utf8.prefix(Self.longestResult))
    kept.removeLast(UTF8Tail.incomplete(kept))
    let rest = Int64(text.utf8.count - kept.count)
    return String(decoding: kept, as: UTF8.self) + "\n[\(Notation.spell(bytes: rest)) more are not shown]"
  }
}
