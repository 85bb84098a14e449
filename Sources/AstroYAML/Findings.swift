import AstroCore

/// The diagnostics of one file, as they are found. The first ``limit`` are kept, so that a file of nothing but mistakes
/// costs no more than a file of that size may; the rest are counted.
struct Findings {
  static let limit = 1000

  let source: [UInt8]
  let file: String
  private(set) var diagnostics: [Diagnostic] = []
  private var omitted = 0
  private var lines: SourceText?

  init(source: [UInt8], file: String, diagnostics: [Diagnostic] = []) {
    self.source = source
    self.file = file
    self.diagnostics = diagnostics
  }

  var isFull: Bool { diagnostics.count >= Self.limit }
  var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }

  /// The lines of the source, found once, and only in files that have something wrong.
  var sourceText: SourceText {
    mutating get {
      if let lines { return lines }
      let made = SourceText(source)
      lines = made
      return made
    }
  }

  mutating func add(
    _ code: String, _ message: String, line: Int = 0, column: Int = 0, width: Int = 1, hint: String? = nil,
    severity: Diagnostic.Severity = .error
  ) {
    guard !isFull else {
      omitted += 1
      return
    }
    _ = sourceText
    let shown = line > 0 ? lines?.shown(line) ?? "" : ""
    diagnostics.append(
      Diagnostic(
        severity, code: code, message: message, file: file, line: line, column: column, sourceLine: shown,
        width: max(width, 1), hint: hint))
  }

  /// In the order of the file; what was left out is said at the end.
  var sorted: [Diagnostic] {
    var result = diagnostics.enumerated().sorted {
      ($0.element.line, $0.element.column, $0.offset) < ($1.element.line, $1.element.column, $1.offset)
    }.map(\.element)
    if omitted > 0 {
      result.append(
        Diagnostic(code: "too_many_errors", message: "and \(omitted) more errors that are not shown", file: file))
    }
    return result
  }
}
