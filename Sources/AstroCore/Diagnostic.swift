/// Something a user wrote wrong: one value from the parser to the terminal and to the receipt.
public struct Diagnostic: Error, Sendable, Equatable {
  public enum Severity: String, Sendable { case error, warning }

  public var severity: Severity
  /// A stable word for programs: `unknown_key`, `duplicate_key`, `cycle`, …
  public var code: String
  public var message: String
  /// The file as the user named it.
  public var file: String
  /// 1-based; 0 when the whole file is meant.
  public var line: Int
  /// 1-based, in Unicode scalars.
  public var column: Int
  /// The text of that line, without its newline; empty when there is none to show.
  public var sourceLine: String
  /// How many scalars the marked text is wide, at least 1.
  public var width: Int
  /// What to do: `did you mean 'needs'?`
  public var hint: String?

  public init(
    _ severity: Severity = .error, code: String, message: String, file: String, line: Int = 0, column: Int = 0,
    sourceLine: String = "", width: Int = 1, hint: String? = nil
  ) {
    self.severity = severity
    self.code = code
    self.message = message
    self.file = file
    self.line = line
    self.column = column
    self.sourceLine = sourceLine
    self.width = width
    self.hint = hint
  }

  /// The one form every diagnostic is shown in:
  /// ```
  /// nightly.yaml:7:5: error: unknown key 'need'
  ///     need: [fetch]
  ///     ^~~~
  ///   hint: did you mean 'needs'?
  /// ```
  /// The source line is cut to 72 scalars around the mark; control characters in it are shown as `?`.
  public var rendered: String {
    let place = line > 0 ? "\(file):\(line):\(column)" : file
    var text = "\(Terminal.printable(place)): \(severity.rawValue): \(Terminal.printable(message))\n"
    if line > 0, !sourceLine.isEmpty {
      let scalars = Array(sourceLine.unicodeScalars)
      let mark = min(column - 1, scalars.count)
      let first = mark > 60 ? mark - 50 : 0
      let shown = scalars[first..<min(first + 72, scalars.count)]
      var line = String.UnicodeScalarView()
      line.append(contentsOf: shown)
      let marked = scalars[mark..<min(mark + width, shown.endIndex)]
      let room = max(1, marked.reduce(0) { $0 + Terminal.columns($1) })
      let indent = scalars[first..<mark].map(Terminal.space).joined()
      text += "  \(Terminal.printable(String(line), keepTabs: true))\n"
      text += "  \(indent)^\(String(repeating: "~", count: room - 1))\n"
    }
    if let hint { text += "  hint: \(Terminal.printable(hint))\n" }
    return text
  }
}

/// Text that came from outside, made safe to show.
public enum Terminal {
  /// Replaces control, C1 and bidirectional characters by `?`, so that no file name or output can move a cursor.
  public static func printable(_ text: String, keepTabs: Bool = false) -> String {
    guard text.unicodeScalars.contains(where: { isUnsafe($0) }) else { return text }
    var view = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      view.append(isUnsafe(scalar) && !(keepTabs && scalar == "\t") ? "?" : scalar)
    }
    return String(view)
  }

  /// What stands below a scalar so that what follows stays aligned.
  static func space(below scalar: Unicode.Scalar) -> String {
    scalar == "\t" ? "\t" : String(repeating: " ", count: columns(scalar))
  }

  /// How many cells a terminal gives a scalar: 2 for East Asian wide ones and emoji (Unicode's UAX 11, in its broad
  /// blocks), 0 for what is put onto the one before.
  static func columns(_ scalar: Unicode.Scalar) -> Int {
    switch scalar.value {
    case 0..<0x300: 1
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
      0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
      2
    case 0x200B...0x200D, 0xFE00...0xFE0F: 0
    default: scalar.properties.generalCategory == .nonspacingMark ? 0 : 1
    }
  }

  public static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F...0x9F, 0x200E, 0x200F, 0x061C, 0x2028...0x202E, 0x2066...0x2069: true
    default: false
    }
  }
}
