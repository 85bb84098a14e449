import AstroCore

/// The diagnostics of one file, as they are found. The first ``limit`` errors are kept, and as many warnings, so that a
/// file of nothing but mistakes costs no more than a file of that size may; the rest are counted.
struct Findings {
  static let limit = 1000

  let source: [UInt8]
  let file: String
  private(set) var diagnostics: [Diagnostic] = []
  /// Errors and warnings found, kept or not. Errors are counted apart, so that no flood of warnings hides one.
  private(set) var errors = 0
  private var warnings = 0
  private var lines: SourceText?

  init(source: [UInt8], file: String) {
    self.source = source
    self.file = file
  }

  /// Whether further errors are only counted: their texts and suggestions need not be made.
  var isFull: Bool { errors >= Self.limit }
  var hasErrors: Bool { errors > 0 }

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
    _ code: String, _ message: String, line: Int = 0, column: Int = 0, width: Int = 1,
    hint: String? = nil, severity: Diagnostic.Severity = .error
  ) {
    switch severity {
    case .error:
      errors += 1
      guard errors <= Self.limit else { return }
    case .warning:
      warnings += 1
      guard warnings <= Self.limit else { return }
    }
    _ = sourceText
    let shown = line > 0 ? lines?.shown(line) ?? "" : ""
    diagnostics.append(
      Diagnostic(
        severity, code: code, message: message, file: file, line: line, column: column, sourceLine: shown,
        width: max(width, 1), hint: hint))
  }

  /// In the order of the file, each once: what an alias repeats is wrong in one place. What was left out is said at the
  /// end.
  var sorted: [Diagnostic] {
    var result: [Diagnostic] = []
    let inOrder = diagnostics.enumerated().sorted {
      ($0.element.line, $0.element.column, $0.offset) < ($1.element.line, $1.element.column, $1.offset)
    }
    for (_, next) in inOrder {
      let repeats = result.reversed().prefix { $0.line == next.line && $0.column == next.column }.contains(next)
      if !repeats { result.append(next) }
    }
    let omitted = max(0, errors - Self.limit)
    if omitted > 0 {
      let what = omitted == 1 ? "1 more error that is" : "\(omitted) more errors that are"
      result.append(Diagnostic(code: "too_many_errors", message: "and \(what) not shown", file: file))
    }
    return result
  }
}
