/// libyaml's complaint in words that need no grammar of YAML. What is not listed here is passed on as libyaml says it.
struct SyntaxComplaint {
  var message: String
  var hint: String?

  /// - Parameters:
  ///   - problem: libyaml's text of what is wrong.
  ///   - context: libyaml's text of what it was reading, `while parsing a flow mapping`; empty when there is none.
  ///   - place: `that begins here`, or in which line.
  ///   - before: the source of the line up to the place.
  ///   - next: the source from the place on, to the end of its line.
  init(problem: String, context: String, place: String, before: String, next: String) {
    let part = Self.part(context)
    let begun = part.map { "\($0) \(place)" }
    let sameColumn = "keys of one mapping begin in the same column, and each is followed by ': '"
    hint = nil
    switch problem {
    case "found character that cannot start any token":
      message = next.hasPrefix("\t") ? "a tab cannot stand here" : "a text cannot begin with '\(next.prefix(1))'"
      hint = next.hasPrefix("\t") ? "indent with spaces" : "quote the text"
    case "found a tab character that violates indentation",
      "found a tab character where an indentation space is expected":
      message = "a tab cannot indent"
      hint = "indent with spaces"
    case "mapping values are not allowed in this context":
      message = "a ':' cannot stand here"
      hint = before.contains(": ") ? "a text that holds ': ' must be quoted" : sameColumn
    case "mapping keys are not allowed in this context": message = "a key cannot begin here"
    case "block sequence entries are not allowed in this context":
      message = "a list item cannot begin here"
      hint = "items of a list begin with '- ' in the same column, each in a line of its own; a text '-' must be quoted"
    case "could not find expected ':'":
      message = "the key \(place) has no ':'"
      hint = sameColumn
    case "did not find expected key":
      message = "expected a key" + (begun.map { " in \($0)" } ?? "")
      let isFirst = before.allSatisfy { $0 == " " }
      hint = isFirst ? sameColumn : "nothing can follow a value in its line: quote the whole text"
    case "did not find expected '-' indicator":
      message = "expected '- '" + (begun.map { " in \($0)" } ?? "")
      hint = "items of a list begin in the same column"
    case "did not find expected ',' or ']'", "did not find expected ',' or '}'":
      let closing = problem.suffix(3)
      let isOpen = place == Self.here
      message = isOpen ? "\(begun ?? "it") has no closing \(closing)" : "expected ',' or \(closing) in \(begun ?? "it")"
    case "did not find expected node content": message = "a value is expected here"
    case "did not find expected <document start>":
      message = "nothing can follow here: the document has ended"
    case "found unexpected end of stream", "found unexpected document indicator":
      message = "\(begun ?? "the text") is not closed"
    case "found unknown escape character":
      message = "the escape '\(next.prefix(2))' is not known"
      hint = "a backslash is written '\\\\' between double quotes; between single quotes it is itself"
    case "did not find expected hexdecimal number": message = "the escape needs more hexadecimal digits"
    case "found invalid Unicode character escape code": message = "the escape names no character"
    case "did not find expected comment or line break": message = "nothing can follow in this line"
    case "did not find expected alphabetic or numeric character": message = "a name is expected here"
    case "found undefined tag handle": message = "the tag's prefix is not declared"
    default:
      message = ([problem, context].filter { !$0.isEmpty } + (context.isEmpty ? [] : [place])).joined(separator: " ")
    }
  }

  static let here = "that begins here"

  /// What libyaml was reading, as people call it.
  private static func part(_ context: String) -> String? {
    switch context {
    case "while parsing a block mapping", "while parsing a flow mapping": "the mapping"
    case "while parsing a block collection", "while parsing a flow sequence": "the list"
    case "while scanning a quoted scalar", "while parsing a quoted scalar": "the quoted text"
    default: nil
    }
  }
}
