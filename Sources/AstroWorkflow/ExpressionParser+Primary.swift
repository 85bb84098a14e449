import AstroCore

extension ExpressionParser {
  mutating func primary() throws(ExpressionError) -> Operand {
    skipSpace()
    guard let byte = peek() else { throw failure("the expression ends where a value is expected") }
    switch byte {
    case UInt8(ascii: "("): return try parenthesised()
    case UInt8(ascii: "'"): return Operand(expression: .literal(.string(try string())))
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): return Operand(expression: .literal(try number()))
    case UInt8(ascii: "\""):
      throw failure("double quotes cannot be used in an expression", hint: "write texts in single quotes: 'text'")
    default:
      guard Identifier.isWord(byte) else { throw unexpected() }
      return try named()
    }
  }

  private mutating func parenthesised() throws(ExpressionError) -> Operand {
    position += 1
    let inner = try binary(above: 0)
    skipSpace()
    guard peek() == UInt8(ascii: ")") else { throw expected("')'") }
    position += 1
    return Operand(expression: inner.expression, height: inner.height)
  }

  /// `'it''s'` is `it's`.
  private mutating func string() throws(ExpressionError) -> String {
    let start = position
    var text: [UInt8] = []
    position += 1
    while let byte = peek() {
      position += 1
      guard byte == UInt8(ascii: "'") else {
        text.append(byte)
        continue
      }
      guard peek() == byte else { return String(decoding: text, as: UTF8.self) }
      text.append(byte)
      position += 1
    }
    position = start
    throw failure("the text that begins here has no closing quote")
  }

  private mutating func number() throws(ExpressionError) -> JSONValue {
    let start = position
    if peek() == UInt8(ascii: "-") { position += 1 }
    while let byte = peek(), Identifier.isWord(byte) || byte == UInt8(ascii: ".") || isExponentSign() { position += 1 }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    switch try? JSONReader.parse(Array(bytes[start..<position])) {
    case .integer(let value)?: return .integer(value)
    case .number(let value)?: return .number(value)
    default:
      let width = position - start
      position = start
      throw failure("'\(text)' is not a number", width: width)
    }
  }

  private func isExponentSign() -> Bool {
    guard peek() == UInt8(ascii: "-") || peek() == UInt8(ascii: "+") else { return false }
    return bytes[position - 1] | 0x20 == UInt8(ascii: "e")
  }

  /// A word: a constant, a function, or the root of a read.
  private mutating func named() throws(ExpressionError) -> Operand {
    let start = position
    while let byte = peek(), Identifier.isWord(byte) { position += 1 }
    let name = String(decoding: bytes[start..<position], as: UTF8.self)
    let width = position - start
    skipSpace()
    if peek() == UInt8(ascii: "(") { return try call(name, at: start) }
    // The space is given back: a read ends with its last name, and `.` must follow it at once.
    position = start + width
    switch name {
    case "true": return Operand(expression: .literal(.bool(true)))
    case "false": return Operand(expression: .literal(.bool(false)))
    case "null": return Operand(expression: .literal(.null))
    default: return try root(name, at: start, width: width)
    }
  }

  private mutating func root(_ name: String, at start: Int, width: Int) throws(ExpressionError) -> Operand {
    guard let root = Expression.Root(rawValue: name) else {
      throw unknownName(name, at: start, width: width)
    }
    switch root {
    case .params, .env, .tasks, .run, .secrets, .args:
      notes.reads.append(.init(root: root, offset: start, width: width))
      return Operand(expression: .root(root), read: notes.reads.count - 1)
    case .matrix, .item:
      throw ExpressionError(
        code: "not_supported_yet", message: "'\(name)' is not supported yet", offset: start, width: width)
    }
  }

  private func unknownName(_ name: String, at start: Int, width: Int) -> ExpressionError {
    let functions = Expression.Function.allCases.map(\.rawValue)
    let words = ["params", "env", "secrets", "tasks", "run", "args", "true", "false", "null"]
    let remedy: ExpressionError.Remedy =
      functions.contains(name)
      ? .hint("a function is called with parentheses: '\(name)()'")
      : .nearest(
        name, words: words,
        otherwise: Self.foreign[name.lowercased()].map { "'\(name)' is written '\($0)'" }
          ?? "an expression begins with params, env, secrets, tasks or run; texts stand in single quotes")
    return ExpressionError(
      code: "unknown_name", message: "unknown name '\(name)'", offset: start, width: width, remedy: remedy)
  }

  private mutating func call(_ name: String, at start: Int) throws(ExpressionError) -> Operand {
    let width = name.utf8.count
    guard let function = Expression.Function(rawValue: name) else {
      let names = Expression.Function.allCases.map(\.rawValue)
      throw ExpressionError(
        code: "unknown_function", message: "unknown function '\(name)'", offset: start, width: width,
        remedy: .nearest(name, words: names, otherwise: "the functions are \(names.joined(separator: ", "))"))
    }
    position += 1
    let (arguments, height) = try arguments()
    guard function.arity.contains(arguments.count) else {
      throw ExpressionError(
        code: "arity", message: Self.arityMessage(function, given: arguments.count), offset: start, width: width)
    }
    if function.isStatus { notes.statusCalls.append(.init(function: function, offset: start)) }
    return Operand(expression: .call(function, arguments), height: height + 1)
  }

  private mutating func arguments() throws(ExpressionError) -> (values: [Expression], height: Int) {
    var values: [Expression] = []
    var height = 0
    skipSpace()
    if peek() == UInt8(ascii: ")") {
      position += 1
      return ([], 0)
    }
    while true {
      let argument = try binary(above: 0)
      values.append(argument.expression)
      height = max(height, argument.height)
      skipSpace()
      guard let byte = peek(), byte == UInt8(ascii: ",") || byte == UInt8(ascii: ")") else {
        throw expected("',' or ')'")
      }
      position += 1
      if byte == UInt8(ascii: ")") { return (values, height) }
    }
  }

  private static func arityMessage(_ function: Expression.Function, given: Int) -> String {
    let arity = function.arity
    let takes: String
    switch (arity.lowerBound, arity.upperBound) {
    case (0, 0): takes = "no arguments"
    case (1, 1): takes = "1 argument"
    case (let low, let high) where low == high: takes = "\(low) arguments"
    case (let low, let high) where low + 1 == high: takes = "\(low) or \(high) arguments"
    case (let low, let high): takes = "\(low) to \(high) arguments"
    }
    return "\(function.rawValue)() takes \(takes), got \(given)"
  }
}
