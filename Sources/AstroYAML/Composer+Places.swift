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
    let context = parser.context.map { String(cString: $0) } ?? ""
    var place = place(parser.problem_mark)
    var beginning = SyntaxComplaint.here
    if !context.isEmpty {
      let begin = self.place(parser.context_mark)
      // At the end of the file, and for a key without its colon, there is nothing to see where libyaml gave up: what
      // was begun is shown instead.
      if isPastText(place) || problem == "could not find expected ':'" {
        place = begin
      } else if begin != place {
        beginning = "that begins in line \(begin.line)"
      }
    }
    place = lastPlace(upTo: place)
    let line = String(decoding: findings.sourceText.line(Int(place.line)), as: UTF8.self)
    let mark = line.unicodeScalars.prefix(Int(place.column) - 1).endIndex
    let complaint = SyntaxComplaint(
      problem: problem, context: context, place: beginning, before: String(line[..<mark]), next: String(line[mark...]))
    findings.add(
      "syntax", complaint.message, line: Int(place.line), column: Int(place.column), hint: complaint.hint)
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
}
