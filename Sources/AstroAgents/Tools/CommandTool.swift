public import AstroCore
import AstroLLM
import AstroMCP
import AstroProcess

/// A command that a workflow declares as a tool: its arguments come as one JSON object on standard input, its standard
/// output is the result, and an exit code other than 0 is an error for the model to read.
public struct CommandTool: Sendable, Equatable {
  public var name: String
  public var description: String
  /// The program and its arguments.
  public var run: [String]
  /// The JSON Schema of what comes on standard input.
  public var parameters: JSONValue
  /// For one call.
  public var timeout: Duration
  /// Calling it twice does no more than calling it once.
  public var isIdempotent: Bool

  public init(
    name: String, description: String, run: [String], parameters: JSONValue = .map(["type": .string("object")]),
    timeout: Duration = .seconds(60), isIdempotent: Bool = false
  ) {
    self.name = name
    self.description = description
    self.run = run
    self.parameters = parameters
    self.timeout = timeout
    self.isIdempotent = isIdempotent
  }

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
    let program = try await program(tool.run, ToolServer.noEnvironment, for: request).program
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
