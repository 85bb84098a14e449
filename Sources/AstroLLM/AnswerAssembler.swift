import AstroCore

/// Puts an answer together from its body as it comes: a stream of events, or one JSON document from a server that does not
/// stream. However the bytes are cut, the answer is the same.
public struct AnswerAssembler: Sendable {
  /// The most a body may hold, in bytes.
  public static let longest = 64 << 20

  private enum Form {
    /// Only white space so far.
    case undecided
    case events(EventStreamParser)
    case document([UInt8])
  }

  private var form = Form.undecided
  private var assembly: any DialectAssembly
  private var size = 0
  private var flaw: String?

  private let longest: Int

  public init(dialect: Dialect, longest: Int = AnswerAssembler.longest) {
    self.longest = longest
    assembly =
      switch dialect {
      case .openAIChat: ChatAssembly()
      case .openAIResponses: ResponsesAssembly()
      case .anthropicMessages: MessagesAssembly()
      }
  }

  /// Nothing that comes is looked at any more.
  private var isDecided: Bool { isSpoiled || assembly.isFinished }

  /// Nothing that may still come can make an answer of it.
  public var isSpoiled: Bool { flaw != nil || assembly.draft.failure != nil }

  /// Takes the next bytes of the body.
  public mutating func read(_ bytes: [UInt8]) {
    size += bytes.count
    if size > longest { flaw = flaw ?? "it is longer than \(Notation.spell(bytes: Int64(longest)))" }
    guard !isDecided else { return }
    switch form {
    case .undecided: decide(bytes)
    case .document(var document):
      form = .undecided  // the only other holder of the array, which else is copied for each part
      document += bytes
      form = .document(document)
    case .events(var parser):
      form = .undecided
      take(bytes, &parser)
      form = .events(parser)
    }
  }

  /// No event begins with a brace or a bracket, and no document with anything else that is of use.
  private mutating func decide(_ bytes: [UInt8]) {
    let text = bytes.drop { $0 == 0x20 || (0x09...0x0D).contains($0) }
    guard let first = text.first else { return }
    if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
      form = .document(Array(text))
    } else {
      var parser = EventStreamParser()
      take(Array(text), &parser)
      form = .events(parser)
    }
  }

  private mutating func take(_ bytes: [UInt8], _ parser: inout EventStreamParser) {
    do throws(EventStreamParser.TooLong) {
      for event in try parser.read(bytes) where !isDecided { take(event) }
    } catch {
      flaw = "an event in it is longer than \(Notation.spell(bytes: Int64(EventStreamParser.longestEvent)))"
    }
  }

  private mutating func take(_ event: ServerSentEvent) {
    if event.data.elementsEqual("[DONE]".utf8) { return assembly.takeDone() }
    guard !event.data.allSatisfy({ $0 == 0x20 }) else { return }
    do throws(EvaluationError) {
      assembly.take(event.name, try JSONReader.parse(event.data))
    } catch {
      flaw = "an event in it is malformed: \(error.message)"
    }
  }

  /// The body has ended.
  public mutating func finish() -> AssembledAnswer {
    if case .document(let bytes) = form, flaw == nil { take(document: bytes) }
    assembly.takeEnd()
    let answer = assembly.draft.answer(isFinished: assembly.isFinished)
    if let failure = assembly.draft.failure { return .failed(failure, answer) }
    if let flaw { return .broken(answer, flaw) }
    if assembly.isFinished { return .whole(answer) }
    switch form {
    case .undecided: return .broken(answer, "it is empty")
    case .document: return .broken(answer, "it holds no answer of a model")
    case .events:
      return .broken(answer, assembly.hasBegun ? "it broke off" : "it is no stream of a model's answer")
    }
  }

  private mutating func take(document bytes: [UInt8]) {
    do throws(EvaluationError) {
      let document = try JSONReader.parse(bytes)
      if let error = ProviderError(body: document) {
        assembly.draft.failure = error
      } else {
        assembly.take(document: document)
      }
    } catch {
      flaw = "it is malformed: \(error.message)"
    }
  }
}

/// What one dialect makes of its events.
protocol DialectAssembly: Sendable {
  var draft: AnswerDraft { get set }
  /// An event of the dialect was seen.
  var hasBegun: Bool { get }
  /// All that matters of the answer is there.
  var isFinished: Bool { get }
  mutating func take(_ event: String, _ data: JSONValue)
  mutating func take(document: JSONValue)
  mutating func takeDone()
  /// The body has ended.
  mutating func takeEnd()
}

extension DialectAssembly {
  // Events that say it themselves end the others.
  mutating func takeDone() {}
  mutating func takeEnd() {}
}
