extension Expression {
  /// The expression as one would write it, without `${{ }}`; parentheses only where they are needed.
  public var spelled: String { spelled(within: 0) }

  private func spelled(within outer: Int) -> String {
    switch self {
    case .literal(.string(let text)): "'\(Self.doubled(text))'"
    case .literal(let value): value.json
    case .root(let root): root.rawValue
    case .member(let base, let name): "\(base.spelled(within: 5)).\(name)"
    case .element(let base, let index): "\(base.spelled(within: 5))[\(index.spelled)]"
    case .not(let operand): "!\(operand.spelled(within: 4))"
    case .binary(let sign, let left, let right):
      Self.enclosed(
        "\(left.spelled(within: sign.rank)) \(sign.rawValue) \(right.spelled(within: sign.rank + 1))",
        if: sign.rank < outer)
    case .call(let function, let arguments):
      "\(function.rawValue)(\(arguments.map(\.spelled).joined(separator: ", ")))"
    }
  }

  private static func enclosed(_ text: String, if isNeeded: Bool) -> String { isNeeded ? "(\(text))" : text }

  /// A quote inside a literal is written twice.
  private static func doubled(_ text: String) -> String {
    text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''")
  }
}

extension Expression.Operator {
  /// How strongly it binds; `!` and what follows a value bind more.
  fileprivate var rank: Int {
    switch self {
    case .or: 1
    case .and: 2
    case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual: 3
    }
  }
}
