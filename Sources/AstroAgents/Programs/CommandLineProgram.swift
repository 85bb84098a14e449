import AstroCore

/// How a program that answers prompts is called, and what it prints.
public enum CommandLineProgram: Sendable, Equatable {
  /// Claude Code, `claude -p`.
  case claudeCode
  /// Codex, `codex exec`.
  case codex
  /// `llm` of Simon Willison.
  case llm
  /// Another one: words in which `{prompt}`, `{system}`, `{model}`, `{max_turns}`, `{max_cost_usd}` and `{output_schema}` stand
  /// for what the task says. Where no word holds `{prompt}`, the program reads it on standard input.
  case own([String], printsJSON: Bool)

  /// What a preset goes by in the ledger, unless it is told a model; `nil` for a command of somebody's own, of which nobody
  /// knows whether it costs anything.
  var name: String? {
    switch self {
    case .claudeCode: "claude-code"
    case .codex: "codex"
    case .llm: "llm"
    case .own: nil
    }
  }

  /// What is started; `nil` where a task decides it.
  public var executable: String? {
    switch self {
    case .claudeCode: ClaudeCode.executable
    case .codex: Codex.executable
    case .llm: Self.llmExecutable
    case .own(let words, _): words.first.flatMap { $0.contains("{") ? nil : $0 }
    }
  }

  private static let llmExecutable = "llm"

  struct Call: Equatable {
    var arguments: [String]
    var input: String?
  }

  /// - Throws: what the program cannot be told.
  func call(for request: CommandLineRequest) throws(Failure) -> Call {
    switch self {
    case .claudeCode: ClaudeCode.call(for: request)
    case .codex: Codex.call(for: request)
    case .llm: Self.llmCall(for: request)
    case .own(let words, _): try Self.call(words, for: request)
    }
  }

  /// What it answered; `nil` where its exit code says all there is.
  /// - Throws: what is wrong with what it printed.
  func answer(in printed: [UInt8], exit: AttemptOutcome) throws(MalformedResult) -> CommandLineAnswer? {
    switch self {
    // Both say why they failed in what they print.
    case .claudeCode: return try ClaudeCode.answer(in: printed)
    case .codex: return try Codex.answer(in: printed)
    case .llm: return exit == .exited(0) ? try Self.text(printed) : nil
    case .own(_, let printsJSON):
      guard exit == .exited(0) else { return nil }
      return printsJSON ? try Self.json(printed) : try Self.text(printed)
    }
  }

  private static func llmCall(for request: CommandLineRequest) -> Call {
    var arguments = [llmExecutable, "prompt", "--no-stream", "--no-log"]
    if let model = request.model { arguments += ["-m", model] }
    if let system = request.system { arguments += ["-s", system] }
    if let schema = request.schema { arguments += ["--schema", schema.json] }
    return Call(arguments: arguments, input: request.prompt)
  }

  private static func call(_ words: [String], for request: CommandLineRequest) throws(Failure) -> Call {
    let values: [(name: String, value: String?)] = [
      ("prompt", request.prompt), ("system", request.system), ("model", request.model),
      ("max_turns", request.maxTurns.map { String($0) }), ("max_cost_usd", request.maxCost?.spelled),
      ("output_schema", request.schema?.json),
    ]
    var arguments: [String] = []
    for word in words { arguments.append(try fill(word, values)) }
    return Call(arguments: arguments, input: words.contains { $0.contains("{prompt}") } ? nil : request.prompt)
  }

  /// From the left, so that braces in a value stand for nothing.
  private static func fill(_ word: String, _ values: [(name: String, value: String?)]) throws(Failure) -> String {
    var filled = ""
    var rest = word[...]
    while let open = rest.firstIndex(of: "{") {
      filled += rest[..<open]
      rest = rest[open...]
      guard let (name, value) = values.first(where: { rest.hasPrefix("{\($0.name)}") }) else {
        filled.append(rest.removeFirst())
        continue
      }
      guard let value else {
        throw Failure(
          .invalidWorkflow, subject: "with", message: "'\(name)' is missing: the agent's command needs it")
      }
      filled += value
      rest = rest.dropFirst(name.count + 2)
    }
    return filled + rest
  }

  private static func text(_ printed: [UInt8]) throws(MalformedResult) -> CommandLineAnswer {
    guard let text = String(validating: printed, as: UTF8.self) else { throw MalformedResult("stdout is not UTF-8") }
    var answer = CommandLineAnswer()
    answer.text = text.trimmed
    return answer
  }

  private static func json(_ printed: [UInt8]) throws(MalformedResult) -> CommandLineAnswer {
    var answer = CommandLineAnswer()
    do throws(EvaluationError) {
      let value = try JSONReader.parse(printed)
      guard case .map = value else { throw EvaluationError("it is no JSON object") }
      answer.structured = value
    } catch {
      throw MalformedResult("stdout: \(error.message)")
    }
    if let value = answer.structured { try answer.take(members: value) }
    answer.text = answer.structured?.text("text") ?? answer.structured?.json ?? ""
    return answer
  }
}

extension String {
  /// Without white space around it.
  var trimmed: String {
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
    guard let first = utf8.firstIndex(where: { !isSpace($0) }), let last = utf8.lastIndex(where: { !isSpace($0) })
    else { return "" }
    return String(self[first...last])
  }
}
