import AstroCore

/// Reads OpenAI batch files (https://platform.openai.com/docs/guides/batch): a request a line, all of one endpoint, each
/// with a `custom_id` of its own. Such a file is a workflow of one task, which makes the calls.
enum BatchFile {
  /// How the names of such files end.
  static let suffix = ".jsonl"
  /// The one task of its plan.
  static let task = "batch"
  /// As OpenAI has it.
  static let mostRequests = 50_000
  /// More errors are counted and not shown.
  static let mostErrors = 100

  /// Checks every line; keeps a few words of each. Nothing of a file that has a wrong line is ever sent.
  static func parse(_ bytes: [UInt8], file: String, in surroundings: Surroundings?) -> ParsedWorkflow {
    var check = BatchCheck(bytes, file: file)
    check.run()
    if let endpoint = check.endpoint, let surroundings { check.checkTakers(of: endpoint, among: surroundings.agents) }
    guard check.errors == 0, let endpoint = check.endpoint else {
      return ParsedWorkflow(plan: nil, user: nil, diagnostics: check.diagnostics)
    }
    return ParsedWorkflow(
      plan: plan(endpoint, requests: check.requests), user: nil, diagnostics: check.diagnostics)
  }

  private static func plan(_ endpoint: BatchEndpoint, requests: Int) -> WorkflowPlan {
    var task = TaskPlan(id: task, work: .request(.constant(endpoint.request)))
    task.agent = request(endpoint)
    task.outputs = ["completed", "failed", "total"]
    var plan = WorkflowPlan()
    plan.description = "\(requests) \(requests == 1 ? "request" : "requests") to \(endpoint.rawValue)"
    plan.tasks = [task]
    plan.requests = requests
    return plan
  }

  static func request(_ endpoint: BatchEndpoint) -> AgentRequest {
    AgentRequest(name: AgentKind.llm.rawValue, capabilities: [endpoint.dialect], form: .with)
  }
}

/// The check of one batch file.
private struct BatchCheck {
  private let bytes: [UInt8]
  private let file: String
  private(set) var diagnostics: [Diagnostic] = []
  private(set) var errors = 0
  private(set) var requests = 0
  /// Of the first line that has one.
  private(set) var endpoint: BatchEndpoint?
  /// By the hash of its `custom_id`, where the line of a request begins, and which it is. Equal hashes are looked into.
  private var seen: [Int: (start: Int32, line: Int32)] = [:]
  private var line = 0

  init(_ bytes: [UInt8], file: String) {
    self.bytes = bytes
    self.file = file
  }

  mutating func run() {
    for (number, text) in BatchLines(bytes) {
      line = number
      check(text)
      if requests > BatchFile.mostRequests { break }
    }
    if requests == 0 { add("empty_batch", "there is no request in it", nil, in: bytes[0..<0], line: 0) }
    if errors > BatchFile.mostErrors {
      let rest = errors - BatchFile.mostErrors
      diagnostics.append(
        Diagnostic(
          code: "more_errors", message: "and \(rest) more \(rest == 1 ? "line is" : "lines are") wrong", file: file))
    }
  }

  private mutating func check(_ text: ArraySlice<UInt8>) {
    requests += 1
    guard requests <= BatchFile.mostRequests else {
      return add(
        "too_many_requests", "more than \(BatchFile.mostRequests) requests", nil, in: text, line: line,
        hint: "divide them among several files")
    }
    do throws(BatchLine.Flaw) {
      let request = try BatchLine(text, number: line)
      if let endpoint, request.endpoint != endpoint {
        throw BatchLine.Flaw(
          code: "mixed_urls", message: "'url' is another than in the lines before", range: request.place,
          hint: "one file for each: those before go to \(endpoint.rawValue)")
      }
      endpoint = request.endpoint
      try checkIdentity(of: request)
    } catch {
      add(error.code, error.message, error.range, in: text, line: line, hint: error.hint)
    }
  }

  private mutating func checkIdentity(of request: BatchLine) throws(BatchLine.Flaw) {
    let hash = Self.decoded(request.customID).hashValue
    guard let first = seen[hash] else {
      // Files have 64 MiB at most.
      seen[hash] = (Int32(truncatingIfNeeded: request.customID.startIndex), Int32(truncatingIfNeeded: line))
      return
    }
    let end = bytes[Int(first.start)...].firstIndex(of: 0x0A) ?? bytes.endIndex
    let other = bytes[Int(first.start)..<end]
    guard other.starts(with: request.customID) || Self.string(at: other) == Self.decoded(request.customID) else {
      return
    }
    throw BatchLine.Flaw(
      code: "duplicate_id", message: "the 'custom_id' of line \(first.line) again",
      range: request.customID.startIndex..<request.customID.endIndex, hint: "each request needs one of its own")
  }

  /// Without its escapes: two spellings of one text are one `custom_id`.
  private static func decoded(_ string: ArraySlice<UInt8>) -> [UInt8] {
    guard string.contains(UInt8(ascii: "\\")), case .string(let text)? = try? JSONReader.parse(Array(string)) else {
      return Array(string.dropFirst().dropLast())
    }
    return Array(text.utf8)
  }

  /// The JSON string at the beginning of a text.
  private static func string(at text: ArraySlice<UInt8>) -> [UInt8] {
    var index = text.startIndex + 1
    while index < text.endIndex, text[index] != UInt8(ascii: "\"") {
      index += text[index] == UInt8(ascii: "\\") ? 2 : 1
    }
    return decoded(text[text.startIndex..<min(index + 1, text.endIndex)])
  }

  /// That somebody of the home could ever be asked.
  mutating func checkTakers(of endpoint: BatchEndpoint, among agents: [AgentOffer]) {
    let request = BatchFile.request(endpoint)
    guard !agents.contains(where: { $0.suits(request) && $0.form == request.form }) else { return }
    let llm = agents.filter { $0.kind == .llm }.map(\.id).sorted()
    add(
      "no_agent", "no agent of type llm speaks the dialect \(endpoint.dialect), which \(endpoint.rawValue) needs", nil,
      in: bytes[0..<0], line: 0,
      hint: llm.isEmpty
        ? "configure one in config/agents.yaml" : "those of type llm are \(llm.joined(separator: ", "))")
  }

  // MARK: Diagnostics

  private mutating func add(
    _ code: String, _ message: String, _ range: Range<Int>?, in text: ArraySlice<UInt8>, line: Int, hint: String? = nil
  ) {
    errors += 1
    guard errors <= BatchFile.mostErrors else { return }
    var diagnostic = Diagnostic(code: code, message: message, file: file, line: line, hint: hint)
    if line > 0 {
      let mark = max(range?.lowerBound ?? text.startIndex, text.startIndex)
      let end = min(max(range?.upperBound ?? mark, mark), text.endIndex)
      diagnostic.column = Self.scalars(text[text.startIndex..<min(mark, text.endIndex)]) + 1
      diagnostic.width = max(1, end > mark ? Self.scalars(text[mark..<end]) : 1)
      // A hundred lines of a megabyte are no help to anybody.
      if text.count <= Self.longestShownLine { diagnostic.sourceLine = String(decoding: text, as: UTF8.self) }
    }
    diagnostics.append(diagnostic)
  }

  private static let longestShownLine = 16_384

  private static func scalars(_ text: ArraySlice<UInt8>) -> Int { text.count { $0 & 0xC0 != 0x80 } }
}
