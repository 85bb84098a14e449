import AstroCore

/// Reads one expression. Recursive descent with precedence climbing: a level of nesting costs five frames, and there are
/// at most ``deepest`` levels in the text and ``highest`` in the tree, so that half a megabyte of stack is enough.
struct ExpressionParser {
  /// What must follow the expression.
  enum Terminator { case end, braces }

  /// A tree and how high it is: evaluation and release recurse as deep as that.
  struct Operand {
    var expression: Expression
    var height = 0
    /// The read in ``notes`` that a following `.name` extends.
    var read: Int?
  }

  static let deepest = 32
  /// A chain of `&&` is a tree as high as it is long.
  static let highest = 64

  let bytes: [UInt8]
  var position: Int
  var notes = ExpressionNotes()
  var depth = 0

  init(_ bytes: [UInt8], from position: Int) {
    self.bytes = bytes
    self.position = position
  }

  mutating func whole(until terminator: Terminator) throws(ExpressionError) -> Expression {
    skipSpace()
    if position == bytes.count || (terminator == .braces && isAt("}}")) {
      throw failure("the expression is empty")
    }
    let operand = try binary(above: 0)
    skipSpace()
    switch terminator {
    case .end where position == bytes.count: break
    case .braces where isAt("}}"): position += 2
    case .end, .braces: throw unexpected()
    }
    return operand.expression
  }

  // MARK: operators

  mutating func binary(above floor: Int) throws(ExpressionError) -> Operand {
    let start = position
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.deepest else { throw tooDeep(at: start) }
    var left = try unary()
    while let operation = peekOperator(), operation.precedence > floor {
      position += operation.rawValue.utf8.count
      let right = try binary(above: operation.precedence)
      left = Operand(
        expression: .binary(operation, left.expression, right.expression), height: max(left.height, right.height) + 1)
      guard left.height <= Self.highest else { throw tooDeep(at: start) }
    }
    return left
  }

  private mutating func peekOperator() -> Expression.Operator? {
    skipSpace()
    guard let first = peek() else { return nil }
    let second = position + 1 < bytes.count ? bytes[position + 1] : 0
    switch (first, second) {
    case (UInt8(ascii: "="), UInt8(ascii: "=")): return .equal
    case (UInt8(ascii: "!"), UInt8(ascii: "=")): return .notEqual
    case (UInt8(ascii: "<"), UInt8(ascii: "=")): return .lessOrEqual
    case (UInt8(ascii: "<"), _): return .less
    case (UInt8(ascii: ">"), UInt8(ascii: "=")): return .greaterOrEqual
    case (UInt8(ascii: ">"), _): return .greater
    case (UInt8(ascii: "&"), UInt8(ascii: "&")): return .and
    case (UInt8(ascii: "|"), UInt8(ascii: "|")): return .or
    default: return nil
    }
  }

  private mutating func unary() throws(ExpressionError) -> Operand {
    skipSpace()
    let start = position
    var negations = 0
    while peek() == UInt8(ascii: "!"), !isAt("!=") {
      negations += 1
      position += 1
      skipSpace()
    }
    var operand = try postfix()
    guard operand.height + negations <= Self.highest else { throw tooDeep(at: start) }
    for _ in 0..<negations {
      operand = Operand(expression: .not(operand.expression), height: operand.height + 1)
    }
    return operand
  }

  // MARK: access

  private mutating func postfix() throws(ExpressionError) -> Operand {
    let start = position
    var operand = try primary()
    while true {
      let next = peek()
      if next == UInt8(ascii: ".") {
        position += 1
        try member(&operand)
      } else if next == UInt8(ascii: "[") {
        position += 1
        try element(&operand)
      } else {
        return operand
      }
      guard operand.height <= Self.highest else { throw tooDeep(at: start) }
    }
  }

  private mutating func member(_ operand: inout Operand) throws(ExpressionError) {
    let start = position
    while let byte = peek(), Identifier.isWord(byte) || byte == UInt8(ascii: "-") { position += 1 }
    guard position > start else { throw failure("a name is expected after '.'") }
    let name = String(decoding: bytes[start..<position], as: UTF8.self)
    note(.name(name), on: operand)
    operand.expression = .member(operand.expression, name)
    operand.height += 1
  }

  private mutating func element(_ operand: inout Operand) throws(ExpressionError) {
    let index = try binary(above: 0)
    skipSpace()
    guard peek() == UInt8(ascii: "]") else { throw expected("']'") }
    position += 1
    if case .literal(.string(let name)) = index.expression {
      note(.name(name), on: operand)
    } else {
      note(.computed, on: operand)
    }
    operand.expression = .element(operand.expression, index.expression)
    operand.height = max(operand.height, index.height) + 1
  }

  private mutating func note(_ step: ExpressionNotes.Read.Step, on operand: Operand) {
    guard let read = operand.read else { return }
    notes.reads[read].steps.append(step)
    notes.reads[read].width = position - notes.reads[read].offset
  }
}
