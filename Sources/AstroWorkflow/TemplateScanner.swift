import AstroCore
import AstroYAML

/// Splits a text at `${{ … }}` and reads what stands between.
struct TemplateScanner {
  private static let opening: [UInt8] = Array("${{".utf8)

  private let bytes: [UInt8]
  private(set) var notes = ExpressionNotes()

  init(_ text: String) { bytes = Array(text.utf8) }

  /// Where the first `${{` of a scalar is, in bytes of its text.
  static func firstOpening(in node: YAMLNode) -> Int? {
    node.withUTF8 { text in
      var i = 0
      while i + 2 < text.count {
        if text[i] == opening[0], text[i + 1] == opening[1], text[i + 2] == opening[2] { return i }
        i += 1
      }
      return nil
    }
  }

  /// - Returns: the template, and what is wrong in it: after an expression that cannot be read the next one is, so that
  ///   all faults are told at once.
  mutating func template() -> (template: Template, errors: [ExpressionError]) {
    var parts: [Template.Part] = []
    var errors: [ExpressionError] = []
    var position = 0
    while let start = opening(after: position) {
      if start > position { parts.append(.text(String(decoding: bytes[position..<start], as: UTF8.self))) }
      do throws(ExpressionError) {
        let (expression, end) = try embedded(at: start)
        parts.append(.expression(expression))
        position = end
      } catch {
        errors.append(error)
        position = closing(after: start) ?? bytes.count
      }
    }
    if position < bytes.count { parts.append(.text(String(decoding: bytes[position...], as: UTF8.self))) }
    return (Template(parts: parts), errors)
  }

  /// The one expression of an `if:`.
  mutating func condition() throws(ExpressionError) -> Expression {
    let start = bytes.firstIndex { !ExpressionParser.isSpace($0) } ?? bytes.count
    guard bytes[start...].starts(with: Self.opening) else {
      var parser = ExpressionParser(bytes, from: start)
      let expression = try parser.whole(until: .end)
      notes = parser.notes
      return expression
    }
    let (expression, end) = try embedded(at: start)
    if let rest = bytes[end...].firstIndex(where: { !ExpressionParser.isSpace($0) }) {
      throw ExpressionError(
        code: "expression", message: "nothing may follow the '}}' of an 'if'", offset: rest,
        remedy: .hint("put the whole condition between '${{' and '}}', or leave both out"))
    }
    return expression
  }

  private mutating func embedded(at start: Int) throws(ExpressionError) -> (Expression, end: Int) {
    guard bytes[start...].contains(UInt8(ascii: "}")) else {
      throw ExpressionError(code: "expression", message: "'${{' has no closing '}}'", offset: start, width: 3)
    }
    var parser = ExpressionParser(bytes, from: start + Self.opening.count)
    let expression = try parser.whole(until: .braces)
    notes.reads += parser.notes.reads
    notes.statusCalls += parser.notes.statusCalls
    return (expression, parser.position)
  }

  /// Where the text goes on after the next `}}`.
  private func closing(after position: Int) -> Int? {
    let brace = UInt8(ascii: "}")
    return (position..<max(position, bytes.count - 1)).first { bytes[$0] == brace && bytes[$0 + 1] == brace }.map {
      $0 + 2
    }
  }

  private func opening(after position: Int) -> Int? {
    var i = position
    while i + 2 < bytes.count {
      if bytes[i] == Self.opening[0], bytes[i + 1] == Self.opening[1], bytes[i + 2] == Self.opening[2] { return i }
      i += 1
    }
    return nil
  }
}
