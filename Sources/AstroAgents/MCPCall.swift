import AstroCore
import AstroLLM
import AstroMCP

/// One attempt of a task of type `mcp`.
struct MCPCall {
  private let task: MCPTask
  private let request: PerformanceRequest
  private let host: ToolHost
  private let clock: any AstroCore.Clock
  private let transcript: TranscriptFile
  private let name: String

  init(
    _ task: MCPTask, _ server: ToolServer, _ request: PerformanceRequest, _ host: ToolHost,
    _ clock: any AstroCore.Clock, _ transcript: TranscriptFile
  ) {
    self.task = task
    self.request = request
    self.host = host
    self.clock = clock
    self.transcript = transcript
    name = server.settings.name
  }

  /// - Parameter replay: what an earlier runner has done of it.
  func perform(_ server: MCPServer, _ replay: TranscriptReplay) async throws(Failure) -> PerformanceResult {
    if let ending = replay.ending { return .ended(try await told(ending)) }
    if replay.tools.values.contains(where: { !$0.isEmpty }), let reason = await obstacle(to: server) {
      return .lost(reason)
    }
    // Before the call is written down: a runner that dies while the server starts has not begun it.
    do throws(MCPFailure) { try await server.open() } catch { return try await conclude(ending(of: error), nil) }
    try await write([.toolCall(ToolCall(id: "1", name: "\(name).\(task.tool)", arguments: task.arguments.json))])
    let answer: ToolAnswer
    do throws(MCPFailure) {
      // Tools like to repeat what they are told.
      answer = try await server.call(
        task.tool, arguments: task.arguments, within: task.timeout, hiding: request.secrets)
    } catch { return try await conclude(ending(of: error), nil) }
    return try await conclude(ending(of: answer), ToolResult(id: "1", text: answer.text, isError: answer.isError))
  }

  /// Writes down how it ended, and says so.
  private func conclude(_ ending: StepEnding, _ result: ToolResult?) async throws(Failure) -> PerformanceResult {
    // Of a runner that ends: the next one finds a call without a result, or none.
    if ending.ending == .cancelled { return .ended(.init(.cancelled, message: ending.message)) }
    try await write((result.map { [.toolResult($0)] } ?? []) + [.ended(ending)])
    return .ended(try await told(ending))
  }

  /// Why the call may not be made a second time; `nil` when it may.
  private func obstacle(to server: MCPServer) async -> String? {
    let call = "the tool '\(task.tool)' of MCP server '\(name)' was being called when the runner ended"
    do throws(MCPFailure) {
      let tools = try await server.tools()
      if tools.first(where: { $0.name == task.tool })?.isRepeatable == true { return nil }
      return "\(call), and the server does not declare that it may be called twice"
    } catch {
      return "\(call), and whether it may be called twice is not known: \(error)"
    }
  }

  private func ending(of answer: ToolAnswer) -> StepEnding {
    if answer.isError {
      let words = Terminal.printable(String(answer.text.prefix(500)))
      return StepEnding(
        .toolError, message: "the tool '\(task.tool)' reports an error: \(words)", text: answer.text,
        value: answer.structured)
    }
    return StepEnding(.completed, text: answer.text, value: answer.structured)
  }

  private func ending(of failure: MCPFailure) -> StepEnding {
    switch failure.kind {
    case .timedOut: StepEnding(.timeout, message: failure.description)
    case .refused, .needsInput: StepEnding(.toolError, message: failure.description)
    case .notStarted, .broken: StepEnding(.toolError, message: failure.description, infrastructure: true)
    case .cancelled: StepEnding(.cancelled, message: failure.description)
    }
  }

  /// Puts the text in its place, and says what the runner is told.
  private func told(_ ending: StepEnding) async throws(Failure) -> PerformanceResult.Ending {
    let request = request
    try await BlockingWork.run { () throws(Failure) in
      var file = AnswerFile(request.key, in: request.directory)
      try file.write(Array(ending.text.utf8))
      try file.finish()
    }
    var outputs = ["text": ending.text]
    if case .map(let members)? = ending.value {
      for (name, value) in members { outputs[name] = value.text }
    }
    return PerformanceResult.Ending(
      ending.ending, message: ending.message, infrastructure: ending.infrastructure,
      outputs: ending.ending == .completed ? outputs : [:], stdout: ending.text)
  }

  /// Durable before anything is done on its word.
  private func write(_ events: [TranscriptEvent]) async throws(Failure) {
    let now = clock.now().wall
    var mask = SecretMask(secrets: request.secrets)
    var lines: [UInt8] = []
    for event in events { lines += mask.masked(event.line(at: now)) + [0x0A] }
    let written = lines
    let transcript = transcript
    try await BlockingWork.run { () throws(Failure) in try transcript.append(written, durable: true) }
  }
}
