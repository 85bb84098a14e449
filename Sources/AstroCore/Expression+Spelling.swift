extension Expression {
  /// The expression as one would write it, without `${{ }}`; parentheses only where they are needed.
  public var spelled: String { spelled(within: 0) }

  private func spelled(within outer: Int) -> String {
    switch self {
    case .literal(.string(let text)): "'\(Self.doubled(text))'"
    // `1.x` would be a number.
    case .literal(let value): Self.enclosed(value.json, if: outer == Self.postfix)
    case .root(let root): root.rawValue
    case .member(let base, let name): "\(base.spelled(within: Self.postfix)).\(name)"
    case .element(let base, let index): "\(base.spelled(within: Self.postfix))[\(index.spelled)]"
    case .not(let operand): Self.enclosed("!\(operand.spelled(within: Self.prefix))", if: outer == Self.postfix)
    case .binary(let sign, let left, let right):
      Self.enclosed(
        "\(left.spelled(within: sign.precedence)) \(sign.rawValue) \(right.spelled(within: sign.precedence + 1))",
        if: sign.precedence < outer)
    case .call(let function, let arguments):
      "\(function.rawValue)(\(arguments.map(\.spelled).joined(separator: ", ")))"
    }
  }

  /// `!` binds more than every operator, and what follows a value more than `!`.
  private static let prefix = 5
  private static let postfix = 6

  private static func enclosed(_ text: String, if isNeeded: Bool) -> String { isNeeded ? "(\(text))" : text }

  /// A quote inside a literal is written twice. By bytes: to Swift, one with an accent on it is another character.
  private static func doubled(_ text: String) -> String {
    let quote = UInt8(ascii: "'")
    return String(decoding: text.utf8.flatMap { $0 == quote ? [quote, quote] : [$0] }, as: UTF8.self)
  }
}

extension Template {
  /// The text as one would write it.
  public var spelled: String {
    parts.map { part in
      switch part {
      case .text(let text): text
      case .expression(let expression): "${{ \(expression.spelled) }}"
      }
    }.joined()
  }
}
