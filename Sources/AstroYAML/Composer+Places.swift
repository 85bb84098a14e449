import AstroCore
import CLibYAML

extension Composer {
  /// libyaml counts from 0, in scalars.
  func place(_ mark: yaml_mark_t) -> (line: UInt32, column: UInt32) {
    let line = UInt32(mark.line + 1)
    return (line, surrogates.original(line: line, column: UInt32(mark.column + 1)))
  }

  /// Adds an error after which nothing sensible can be read.
  mutating func abandon(_ code: String, _ message: String, _ mark: yaml_mark_t) -> Abandoned {
    let place = place(mark)
    findings.add(code, message, line: Int(place.line), column: Int(place.column))
    return Abandoned()
  }

  mutating func tooDeep(_ mark: yaml_mark_t) -> Abandoned {
    abandon("too_deep", "nested more than \(limits.depth) levels deep", mark)
  }

  /// libyaml's complaint, as one sentence with one place.
  mutating func report(_ parser: yaml_parser_t, leading: Int) {
    switch parser.error {
    case YAML_READER_ERROR: reportUnreadable(parser, leading: leading)
    case YAML_SCANNER_ERROR, YAML_PARSER_ERROR: reportSyntax(parser)
    default: findings.add("out_of_memory", "there is not enough memory to read the file")
    }
  }

  private mutating func reportUnreadable(_ parser: yaml_parser_t, leading: Int) {
    let place = findings.sourceText.place(ofByte: parser.problem_offset + leading)
    let digits = String(max(parser.problem_value, 0), radix: 16, uppercase: true)
    let name = "U+" + String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
    findings.add(
      "control_character", "the character \(name) is not allowed in YAML", line: place.line, column: place.column)
  }

  private mutating func reportSyntax(_ parser: yaml_parser_t) {
    let problem = parser.problem.map { String(cString: $0) } ?? "the syntax is broken"
    var message = problem
    var place = place(parser.problem_mark)
    if let context = parser.context.map({ String(cString: $0) }) {
      let begin = self.place(parser.context_mark)
      message += " \(context)"
      // At the end of the file, and for a key without its colon, there is nothing to see where libyaml gave up: what
      // was begun is shown instead.
      if isPastText(place) || problem == "could not find expected ':'" {
        message += " that begins here"
        place = begin
      } else if begin.line != place.line {
        message += " that begins in line \(begin.line)"
      }
    }
    place = lastPlace(upTo: place)
    let line = findings.sourceText.line(Int(place.line))
    let character = line.isEmpty ? nil : findings.sourceText.scalar(line: Int(place.line), column: Int(place.column))
    findings.add(
      "syntax", message, line: Int(place.line), column: Int(place.column),
      hint: Self.syntaxHint(problem: problem, at: character))
  }

  /// The place, or the end of the last line that holds anything, when it is past that.
  private mutating func lastPlace(upTo place: (line: UInt32, column: UInt32)) -> (line: UInt32, column: UInt32) {
    guard isPastText(place) else { return place }
    let text = findings.sourceText
    var line = text.count
    while line > 1, text.line(line).isEmpty { line -= 1 }
    return (UInt32(line), UInt32(text.line(line).count(where: { $0 & 0xC0 != 0x80 })) + 1)
  }

  /// Whether nothing but the end of the file follows.
  private mutating func isPastText(_ place: (line: UInt32, column: UInt32)) -> Bool {
    let text = findings.sourceText
    return Int(place.line) > text.count || (Int(place.line) == text.count && text.line(text.count).isEmpty)
  }

  private static func syntaxHint(problem: String, at character: Unicode.Scalar?) -> String? {
    switch (problem, character) {
    case (_, "\t"): "indent with spaces: YAML allows no tabs there"
    case ("mapping values are not allowed in this context", _):
      "a text that holds ': ' must be quoted, and keys of one mapping must begin in the same column"
    case ("found character that cannot start any token", let character?):
      "a text that begins with '\(character)' must be quoted"
    case ("could not find expected ':'", _), ("did not find expected key", _):
      "keys of one mapping begin in the same column, and each is followed by ': '"
    default: nil
    }
  }
}

extension SourceText {
  /// The scalar at a place; `nil` past the end of the line.
  func scalar(line: Int, column: Int) -> Unicode.Scalar? {
    String(decoding: self.line(line), as: UTF8.self).unicodeScalars.dropFirst(column - 1).first
  }
}
