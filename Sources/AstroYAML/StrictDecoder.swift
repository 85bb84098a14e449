public import AstroCore

/// Reads a ``YAMLDocument`` strictly and collects everything that is wrong with it, instead of stopping at the first.
/// Each reader returns `nil` after it has reported an error. Used by one caller at a time.
///
/// ```swift
/// let document = YAMLDocument(bytes, file: "config/system_config.yaml")
/// let decoder = StrictDecoder(document)
/// if let top = document.root.flatMap({ decoder.mapping($0, keys: ["system", "limits"]) }),
///   let system = top.mapping("system", keys: ["log_level", "health_check_interval"])
/// {
///   let interval = system.duration("health_check_interval", longerThan: .zero) ?? .seconds(30)
/// }
/// return decoder.diagnostics
/// ```
public final class StrictDecoder {
  public let document: YAMLDocument
  var findings: Findings
  /// How many words may still be compared for suggestions: many errors times many names must not become minutes.
  private var comparisons = 300_000

  public init(_ document: YAMLDocument) {
    self.document = document
    findings = document.findings
  }

  /// Everything found so far, the document's own errors included, sorted by place.
  public var diagnostics: [Diagnostic] { findings.sorted }
  public var hasErrors: Bool { findings.hasErrors }
  /// Whether further errors are only counted.
  public var isFull: Bool { findings.isFull }
  /// How many errors there are.
  public var errorCount: Int { findings.errors }

  // MARK: reporting

  /// Adds an error that underlines `node`.
  public func error(
    _ code: String, _ message: @autoclosure () -> String, at node: YAMLNode, hint: @autoclosure () -> String? = nil
  ) {
    guard !findings.isFull else { return findings.add(code, "") }
    // Made before they are passed on: a hint that looks for suggestions uses the findings itself.
    let (message, hint) = (message(), hint())
    findings.add(code, message, line: node.line, column: node.column, width: node.width, hint: hint)
  }

  /// Adds a warning that underlines `node`.
  public func warning(_ code: String, _ message: String, at node: YAMLNode, hint: String? = nil) {
    findings.add(
      code, message, line: node.line, column: node.column, width: node.width, hint: hint, severity: .warning)
  }

  /// Adds an error inside a scalar: `offset` UTF-8 bytes into its text, `width` scalars wide. Where the text's layout
  /// hides the exact place (folded lines, escapes), the nearest sure one is marked.
  public func error(
    _ code: String, _ message: @autoclosure () -> String, in node: YAMLNode, offset: Int, width: Int = 1,
    hint: @autoclosure () -> String? = nil
  ) {
    guard !findings.isFull else { return findings.add(code, "") }
    let (message, hint) = (message(), hint())
    let place = findings.sourceText.place(ofByte: offset, in: node)
    findings.add(
      code, message, line: place.line, column: place.column, width: place.isExact ? width : 1, hint: hint)
  }

  /// Adds an error about the file as a whole.
  public func error(_ code: String, _ message: String, hint: String? = nil) { findings.add(code, message, hint: hint) }

  /// `did you mean 'x'?` for the candidate nearest to `word`, if one is near: the first of equals.
  public func suggestion(for word: String, among candidates: [String]) -> String? {
    guard mayCompare(candidates.count) else { return nil }
    return NearestWord.of(word, among: candidates).map { "did you mean '\($0)'?" }
  }

  /// The same among words without an order.
  public func suggestion(for word: String, among candidates: Set<String>) -> String? {
    guard mayCompare(candidates.count) else { return nil }
    return NearestWord.of(word, among: candidates.sorted()).map { "did you mean '\($0)'?" }
  }

  private func mayCompare(_ count: Int) -> Bool {
    guard !findings.isFull, comparisons >= count else { return false }
    comparisons -= count
    return true
  }

  /// `expected <what>, got <what is there>`.
  public func mismatch(_ expected: String, at node: YAMLNode, hint: String? = nil) {
    let isExpression = node.kind == .scalar && node.withUTF8 { $0.starts(with: "${{".utf8) }
    error(
      "wrong_type", "expected \(expected), got \(Self.describe(node))", at: node,
      hint: isExpression ? "no expression can stand here" : hint)
  }

  /// What a node is, in the words of messages: `a list`, `nothing`, `'text'`, `12`.
  public static func describe(_ node: YAMLNode) -> String {
    switch node.kind {
    case .sequence: return "a list"
    case .mapping: return "a mapping"
    case .scalar: break
    }
    let text = node.text
    let scalars = text.unicodeScalars
    let shown = scalars.count > 40 ? String(scalars.prefix(37)) + "..." : text
    switch node.scalar {
    case .null?: return "nothing"
    case .bool?, .integer?, .number?: return shown
    case .string?, .list?, .map?, nil:
      let lines = shown.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
      return "'\(lines.map(String.init).joined(separator: "\\n"))'"
    }
  }
}
