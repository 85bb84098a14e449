import AstroCore
import AstroLLM
import AstroMCP
import AstroProcess

extension CommandTool {
  /// The most of its output that is kept, in bytes; one that prints more is killed.
  static let mostOutput = 1 << 20

  /// What is wrong with the arguments, for the model to mend; `nil` when nothing is.
  func flaw(in arguments: JSONValue) throws(Failure) -> String? {
    do throws(JSONSchema.Malformed) {
      let violations = try JSONSchema(parameters).violations(in: arguments)
      if violations.isEmpty { return nil }
      return "the arguments do not fit: " + violations.map(\.description).joined(separator: "; ")
    } catch {
      throw Failure(.invalidWorkflow, subject: "tool '\(name)'", message: "its parameters are no schema: \(error)")
    }
  }
}

extension ToolHost {
  /// Runs a command once; nothing of it is left when this returns.
  func call(
    _ tool: CommandTool, _ arguments: JSONValue, for request: PerformanceRequest
  ) async throws(Failure) -> ToolOutcome {
    if let flaw = try tool.flaw(in: arguments) { return ToolOutcome(flaw, isError: true) }
    let environment: ToolEnvironment
    do throws(EvaluationError) { environment = ToolEnvironment(try tool.variables(for: arguments)) } catch {
      return ToolOutcome("the arguments cannot be passed: \(error.message)", isError: true)
    }
    let program = try await program(tool.run, { () throws(Failure) in environment }, for: request).program
    let process = try await KeptProcess.start(program, keeper: keeper, reactor: reactor)
    process.input.write(arguments.json.utf8)
    process.input.write([0x0A])
    process.input.finish()
    let end = await outcome(of: process, tool)
    process.kill()
    await Task { _ = await process.ended() }.value  // Also for a task that is cancelled, which could not wait.
    if Task.isCancelled { throw Failure(.interrupted, subject: "tool '\(tool.name)'", message: "cancelled") }
    return end
  }

  private func outcome(of process: KeptProcess, _ tool: CommandTool) async -> ToolOutcome {
    await withTaskGroup(of: ToolOutcome.self) { [sleep] group in
      group.addTask { await Self.outcome(of: process) }
      group.addTask {
        try? await sleep(tool.timeout)
        return ToolOutcome("no result within \(Notation.spell(tool.timeout)); it was killed", isError: true)
      }
      let first = await group.next() ?? ToolOutcome("", isError: true)
      group.cancelAll()
      return first
    }
  }

  private static func outcome(of process: KeptProcess) async -> ToolOutcome {
    async let errors = end(of: process.errors)
    guard let output = await all(of: process.output, atMost: CommandTool.mostOutput) else {
      process.kill()
      return ToolOutcome("it printed more than \(Notation.spell(bytes: Int64(CommandTool.mostOutput)))", isError: true)
    }
    let status = await process.ended()
    let text = String(decoding: output, as: UTF8.self)
    if status == .exited(0) { return ToolOutcome(text) }
    let fate =
      switch status {
      case .exited(let code)?: "it ended with exit code \(code)"
      case .signalled(let number)?: "it was ended by signal \(number)"
      case nil: "it was killed"
      }
    let complaint = String(decoding: await errors, as: UTF8.self)
    return ToolOutcome([fate, complaint, text].filter { !$0.isEmpty }.joined(separator: "\n"), isError: true)
  }

  /// `nil` when there is more.
  private static func all(of pipe: PipeReader, atMost limit: Int) async -> [UInt8]? {
    var bytes: [UInt8] = []
    while let piece = await pipe.read() {
      bytes += piece
      if bytes.count > limit { return nil }
    }
    return bytes
  }
  /// The last 4 KiB.
  private static func end(of pipe: PipeReader) async -> [UInt8] {
    var bytes: [UInt8] = []
    while let piece = await pipe.read() { bytes = (bytes + piece).suffix(4096) }
    return bytes
  }
}
