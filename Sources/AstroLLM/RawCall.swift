public import AstroCore
public import AstroHTTP
import Glibc

/// A call whose body somebody else has written, in the dialect of the agent: what a line of a batch file asks for. It is
/// passed on byte for byte, but for what would make a stream of the answer.
public struct RawCall: Sendable {
  public let endpoint: BatchEndpoint
  public private(set) var body: [UInt8]
  /// What the body names.
  public private(set) var model: String?
  /// The most tokens of an answer, and how many answers are asked for.
  private let outputTokens: Int64
  private let pictures: Int64
  private let hasTools: Bool

  /// Reserved for the answer of a call that bounds it by nothing, in tokens.
  public static let usualOutput: Int64 = 16_384

  public init(_ line: BatchLine) throws(JSONScanner.Malformed) {
    endpoint = line.endpoint
    let members = try JSONScanner.members(of: line.body)
    let text = line.body
    func value(_ name: String) -> JSONValue? {
      members.last { $0.name == name }.flatMap { try? JSONReader.parse(Array(text[$0.value])) }
    }
    model = value("model")?.string
    func largest(_ names: [String]) -> Int64? {
      // A bound of 0 or less is none to servers that take it.
      members.filter { names.contains($0.name) }.compactMap {
        (try? JSONReader.parse(Array(text[$0.value])))?.count
      }.filter { $0 > 0 }.max()
    }
    // Of several bounds each server honours the ones it knows: OpenAI the first, compatible ones the second, and what is
    // not of the endpoint may be passed over. Whichever that is, no more can be spent than the largest.
    let bound = largest(endpoint.outputBounds) ?? Self.usualOutput
    let foreign = largest(BatchEndpoint.allCases.flatMap(\.outputBounds)) ?? 0
    let answers = min(largest(["n"]) ?? 1, 1000)
    outputTokens = min(max(bound, foreign), 1 << 40) * answers
    pictures = Self.pictures(in: text)
    hasTools = members.contains { $0.name == "tools" || $0.name == "functions" }
    body = Self.unstreamed(text, members)
  }

  /// Without `stream` and what belongs to it: the answer is kept as one document.
  private static func unstreamed(_ text: ArraySlice<UInt8>, _ members: [JSONScanner.Member]) -> [UInt8] {
    let dropped: Set<String> = ["stream", "stream_options"]
    guard members.contains(where: { dropped.contains($0.name) }) else { return Array(text) }
    var body: [UInt8] = [UInt8(ascii: "{")]
    for member in members where !dropped.contains(member.name) {
      if body.count > 1 { body.append(UInt8(ascii: ",")) }
      body += text[member.key] + [UInt8(ascii: ":")] + text[member.value]
    }
    return body + [UInt8(ascii: "}")]
  }

  /// The same call of another model.
  public func asking(_ model: String) throws(JSONScanner.Malformed) -> RawCall {
    let members = try JSONScanner.members(of: body[...])
    let name = Array(JSONValue.string(model).json.utf8)
    var changed = Array("{\"model\":".utf8) + name
    for member in members where member.name != "model" {
      changed += [UInt8(ascii: ",")] + body[member.key] + [UInt8(ascii: ":")] + body[member.value]
    }
    var call = self
    call.model = model
    call.body = changed + [UInt8(ascii: "}")]
    return call
  }

  /// The most pictures there can be in it: Chat Completions name `image_url` twice for each, Responses `input_image` once.
  private static func pictures(in text: ArraySlice<UInt8>) -> Int64 {
    Int64(max((count("\"image_url\"", in: text) + 1) / 2, count("\"input_image\"", in: text)))
  }

  private static func count(_ word: StaticString, in text: ArraySlice<UInt8>) -> Int {
    text.withUnsafeBytes { text in
      guard var place = text.baseAddress else { return 0 }
      let end = place + text.count
      let length = word.utf8CodeUnitCount
      var count = 0
      while let quote = memchr(place, Int32(word.utf8Start.pointee), end - place).map({ UnsafeRawPointer($0) }) {
        let isFound = end - quote >= length && memcmp(quote, word.utf8Start, length) == 0
        count += isFound ? 1 : 0
        place = quote + (isFound ? length : 1)
      }
      return count
    }
  }

  // MARK: What it can take

  /// The most that it can take. A body is never shorter than the text in it, whose bytes are no fewer than its tokens.
  public func ceiling(model: String, price: ModelPrice?, estimator: TokenEstimator) -> CallCeiling {
    let pictures = pictures * estimator.imageTokens(model: model)
    let prompt =
      Int64(body.count) + TokenEstimator.perMessage + (hasTools ? TokenEstimator.forTools : 0) + pictures
    return CallCeiling(
      model: model, tokens: prompt + outputTokens, cost: price?.ceiling(prompt: prompt, output: outputTokens))
  }
}

extension BatchEndpoint {
  /// The members of a body that bound an answer. Of Chat Completions the second is the older one, which compatible servers
  /// know (https://platform.openai.com/docs/api-reference/chat/create).
  fileprivate var outputBounds: [String] {
    switch self {
    case .chatCompletions: ["max_completion_tokens", "max_tokens"]
    case .responses: ["max_output_tokens"]
    }
  }
}

/// What came of a ``RawCall``: a document, whatever its status.
public struct RawAnswer: Sendable {
  public var status: Int
  /// The provider's name for the request; empty where it gives none.
  public var requestID: String
  /// One line of JSON. What was none is wrapped as an error is.
  public var body: [UInt8]
  public var verdict: AnswerVerdict
  /// What a model answered; `nil` when none did.
  public var answer: Answer?
  public var notice: ProviderNotice?

  public init(_ endpoint: BatchEndpoint, status: Int, headers: HTTPFields, body bytes: [UInt8], now: Timestamp) {
    self.status = status
    requestID = headers["x-request-id"] ?? headers["request-id"] ?? ""
    notice = LimitHeaders(headers, now: now).notice
    let document = try? JSONScanner.compact(bytes[...])
    body = document ?? Self.wrapped(bytes)
    guard (200..<300).contains(status) else {
      verdict = AnswerVerdict(ProviderReply(status: status, headers: headers, body: bytes, now: now))
      return
    }
    var assembler = AnswerAssembler(dialect: endpoint == .responses ? .openAIResponses : .openAIChat)
    if document != nil { assembler.read(bytes) }
    switch assembler.finish() {
    case .whole(let whole): (verdict, answer) = (.answered, whole)
    case .failed(let error, _):
      verdict = AnswerVerdict(ProviderReply(streamed: error, headers: headers, now: now))
    case .broken(_, let why):
      let reason = document == nil ? "it is no JSON" : why
      verdict = .retryable(after: nil, "the answer cannot be used: \(reason)")
    }
  }

  /// In the form of OpenAI's errors, its first kilobyte.
  private static func wrapped(_ bytes: [UInt8]) -> [UInt8] {
    let text = String(decoding: bytes.prefix(1024), as: UTF8.self)
    return Array(JSONValue.map(["error": .map(["message": .string(text)])]).json.utf8)
  }
}

extension DialectEncoder {
  /// Sends a body as it is.
  public func encode(_ call: RawCall, key: String?) -> HTTPRequest {
    let fields = [("content-type", "application/json"), ("accept", "application/json")] + credentials(key)
    return HTTPRequest(
      method: "POST", url: url(of: call.endpoint.path), headers: replacing(fields), body: call.body)
  }
}
