import AstroCore

/// Claude Code without a terminal: `claude -p --output-format json`, as its manual has it in 2026.
enum ClaudeCode {
  static let executable = "claude"

  static func call(for request: CommandLineRequest) -> CommandLineProgram.Call {
    var arguments = [executable, "-p", "--output-format", "json"]
    if let model = request.model { arguments += ["--model", model] }
    if let system = request.system { arguments += ["--append-system-prompt", system] }
    if let turns = request.maxTurns { arguments += ["--max-turns", String(turns)] }
    if let cost = request.maxCost { arguments += ["--max-budget-usd", cost.spelled] }
    if let schema = request.schema { arguments += ["--json-schema", schema.json] }
    return .init(arguments: arguments, input: request.prompt)
  }

  /// The last object of type `result`: alone, at the end of a list, or in the last line of a stream.
  static func answer(in printed: [UInt8]) throws(MalformedResult) -> CommandLineAnswer {
    guard let result = try result(in: printed) else { throw MalformedResult("stdout holds no result of Claude Code") }
    var answer = CommandLineAnswer()
    answer.text = result.text("result") ?? ""
    answer.structured = result.member("structured_output")
    answer.turns = result.integer("num_turns").map { Int($0) }
    answer.cost = result.dollars("total_cost_usd")
    answer.session = result.text("session_id")
    if let usage = result.member("usage") {
      answer.usage = TokenUsage(
        input: usage.tokens("input_tokens"), cacheRead: usage.tokens("cache_read_input_tokens"),
        cacheWrite: usage.tokens("cache_creation_input_tokens"), output: usage.tokens("output_tokens"))
    }
    (answer.ending, answer.message) = ending(of: result, saying: answer.text)
    if answer.ending == .completed, let value = answer.structured { try answer.take(members: value) }
    return answer
  }

  private static func result(in printed: [UInt8]) throws(MalformedResult) -> JSONValue? {
    func isResult(_ value: JSONValue) -> Bool { value.text("type") == "result" }
    switch try? JSONReader.parse(printed) {
    case .list(let items)?: return items.last(where: isResult)
    case let value? where isResult(value): return value
    default: break
    }
    for line in try PrintedLine.lines(of: printed).reversed() {
      if let value = try? JSONReader.parse(line.text), isResult(value) { return value }
    }
    return nil
  }

  /// `is_error` decides: a failure of the provider's comes with the subtype `success`.
  private static func ending(of result: JSONValue, saying text: String) -> (AgentEnding, String?) {
    let subtype = result.text("subtype") ?? ""
    guard result.member("is_error") == .bool(true) || subtype.hasPrefix("error") else { return (.completed, nil) }
    var message = text.isEmpty ? subtype : text
    if case .list(let errors)? = result.member("errors"), text.isEmpty, let first = errors.first {
      message = first.text
    }
    switch subtype {
    case "error_max_turns": return (.maxTurns, "Claude Code stopped at its most turns")
    case "error_max_budget_usd": return (.maxCost, "Claude Code stopped at its most cost")
    case "error_max_structured_output_retries":
      return (.invalidOutput, "Claude Code gave no answer that fits the schema")
    case "error_during_execution": return (.toolError, message)
    default: break
    }
    switch result.integer("api_error_status") {
    case 429?, 529?: return (.rateLimited, message)
    default: return (.providerError, message)
    }
  }
}
