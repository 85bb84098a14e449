import AstroCore
import AstroHTTP

/// The answer a task got, and what it means for the task. Only what is written to `stdout` is masked here.
struct HTTPExchange {
  let task: HTTPTask
  let response: HTTPResponse
  /// Where it came from, after redirects.
  let url: String
  /// The longest body, in bytes.
  let limit: Int64
  /// That may be in it, and must not be written anywhere.
  let secrets: [String]
  /// Whether its agent has one server for all its tasks.
  let isOfOneServer: Bool

  func result(for request: PerformanceRequest, now: Timestamp) async throws -> PerformanceResult {
    let isExpected = task.expects(response.status)
    if !isExpected, response.status == 429, let wait = response.headers.retryAfter(now: now) {
      response.body.close()
      // A server that says 0 is asked again a second later: it has just refused.
      let bounded = min(max(wait, .seconds(1)), ProviderNotice.longestWait)
      return .parked(
        LimitRefusal(isOfOneServer ? .provider(of: request.agent) : .server(host), until: now + bounded), next: nil)
    }
    // Taken apart, as it came; shown, as it is written: cut, a secret would not be known any more.
    let keeping: Keeping = isExpected ? .plain(task.extracts.isEmpty ? 0 : Int(limit)) : .masked(Self.shownBytes)
    guard let (count, kept) = try await save(for: request, keeping) else {
      return .ended(
        .init(
          .truncated,
          message: "\(host): the answer is longer than \(Notation.spell(bytes: limit)), which max_bytes allows"))
    }
    var ending = PerformanceResult.Ending(.completed)
    ending.outputs = outputs(count)
    ending.stdout = try AttemptFiles(request.key, in: request.directory).stdoutText()
    if isExpected {
      extract(from: kept, into: &ending)
    } else {
      ending.ending = response.status == 429 ? .rateLimited : .providerError
      ending.message = Self.sentence(response.status, host, kept)
    }
    return .ended(ending)
  }

  private var host: String { (try? HTTPURL(url))?.authority ?? url }

  /// How many bytes of a body are kept in memory at most.
  private enum Keeping {
    /// Of what came.
    case plain(Int)
    /// Of what was written.
    case masked(Int)
  }

  /// Writes the body to the attempt's `stdout`, masked.
  /// - Returns: the length of what came, and the beginning; `nil` when it is longer than the limit: then nothing is kept.
  private func save(
    for request: PerformanceRequest, _ keeping: Keeping
  ) async throws -> (count: Int64, kept: [UInt8])? {
    var file = AnswerFile(request.key, in: request.directory)
    var mask = secrets.isEmpty ? nil : SecretMask(secrets: secrets)
    var count: Int64 = 0
    var kept: [UInt8] = []
    for try await part in response.body {
      count += Int64(part.count)
      guard count <= limit else {
        response.body.close()
        return nil
      }
      let written = mask?.mask(part) ?? part
      try file.write(written)
      switch keeping {
      case .plain(let most): kept += part.prefix(most - kept.count)
      case .masked(let most): kept += written.prefix(most - kept.count)
      }
    }
    let rest = mask?.finish() ?? []
    try file.write(rest)
    if case .masked(let most) = keeping { kept += rest.prefix(most - kept.count) }
    try file.finish()
    return (count, kept)
  }

  private func outputs(_ count: Int64) -> [String: String] {
    var outputs = ["status": "\(response.status)", "bytes": "\(count)"]
    outputs["content_type"] = response.headers["content-type"] ?? ""
    return outputs
  }

  private func extract(from body: [UInt8], into ending: inout PerformanceResult.Ending) {
    if task.extracts.isEmpty { return }
    do throws(EvaluationError) {
      let root = try JSONReader.parse(body)
      for (name, path) in task.extracts {
        guard let value = path.value(in: root) else {
          ending.ending = .invalidOutput
          ending.message = "extract.\(Terminal.printable(name)): nothing at '\(Terminal.printable(path.text))'"
          return
        }
        ending.outputs[name] = value.text
      }
    } catch {
      ending.ending = .invalidOutput
      ending.message = "the body is not JSON: \(error.message)"
    }
  }

  private static let shownBytes = 1024
  private static let shownCharacters = 200

  /// `HTTP 503 from example.com: try later`. The body is the server's: white space is folded, and nothing in it can move a
  /// cursor.
  private static func sentence(_ status: Int, _ host: String, _ body: [UInt8]) -> String {
    let text = String(decoding: body, as: UTF8.self).split { $0.isWhitespace }.joined(separator: " ")
    let shown = Terminal.printable(String(text.prefix(shownCharacters)))
    return "HTTP \(status) from \(host)" + (shown.isEmpty ? "" : ": \(shown)")
  }
}
