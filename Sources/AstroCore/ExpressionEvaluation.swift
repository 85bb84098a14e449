/// What an expression may look at. Values are looked up when asked for, so that a context costs nothing to make.
public struct ExpressionContext {
  /// The value of a root: `params`, `env`, `run` as mappings; `tasks` is asked through ``task``.
  public var root: (Expression.Root) -> JSONValue
  /// The record of one task as a mapping `{status, exit_code, stdout, outputs}`; `nil` when there is no such task.
  public var task: (String) -> JSONValue?
  /// Every need succeeded.
  public var success: Bool
  /// Some need, or something before it, failed.
  public var failure: Bool
  /// The run is being cancelled.
  public var cancelled: Bool

  public init(
    root: @escaping (Expression.Root) -> JSONValue = { _ in .null },
    task: @escaping (String) -> JSONValue? = { _ in nil }, success: Bool = true, failure: Bool = false,
    cancelled: Bool = false
  ) {
    self.root = root
    self.task = task
    self.success = success
    self.failure = failure
    self.cancelled = cancelled
  }
}

/// An expression that could not be evaluated, in one sentence.
public struct EvaluationError: Error, Sendable, Equatable {
  public let message: String
  public init(_ message: String) { self.message = message }
}

extension Expression {
  /// The value of the expression. A member that does not exist is `null`; `&&` and `||` give the operand that decided.
  /// - Throws: ``EvaluationError`` for comparisons of unlike types, text that is not JSON, members of scalars.
  public func evaluate(in context: ExpressionContext) throws(EvaluationError) -> JSONValue {
    switch self {
    case .literal(let value): return value
    case .root(let root): return context.root(root)
    case .member(.root(.tasks), let name): return context.task(name) ?? .null
    case .member(let base, let name): return try base.evaluate(in: context).member(name)
    case .element(let base, let index):
      let key = try index.evaluate(in: context)
      if case .root(.tasks) = base, case .string(let name) = key { return context.task(name) ?? .null }
      return try base.evaluate(in: context).element(key)
    case .not(let operand): return .bool(!(try operand.evaluate(in: context).isTruthy))
    case .binary(.and, let a, let b):
      let left = try a.evaluate(in: context)
      return left.isTruthy ? try b.evaluate(in: context) : left
    case .binary(.or, let a, let b):
      let left = try a.evaluate(in: context)
      return left.isTruthy ? left : try b.evaluate(in: context)
    case .binary(let comparison, let a, let b):
      return .bool(try comparison.compare(a.evaluate(in: context), b.evaluate(in: context)))
    case .call(let function, let arguments):
      var values: [JSONValue] = []
      for argument in arguments { values.append(try argument.evaluate(in: context)) }
      return try function.call(values, in: context)
    }
  }
}

extension JSONValue {
  fileprivate func member(_ name: String) throws(EvaluationError) -> JSONValue {
    switch self {
    case .map(let members): return members[name] ?? .null
    case .null: return .null
    case .bool, .integer, .number, .string, .list: throw EvaluationError("\(described) has no member '\(name)'")
    }
  }

  fileprivate func element(_ key: JSONValue) throws(EvaluationError) -> JSONValue {
    switch (self, key) {
    case (.list(let items), .integer(let index)):
      return items.indices.contains(Int(clamping: index)) ? items[Int(index)] : .null
    case (.map(let members), .string(let name)): return members[name] ?? .null
    case (.null, _): return .null
    default: throw EvaluationError("\(described) cannot be indexed by \(key.described)")
    }
  }

  fileprivate var asNumber: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    case .null, .bool, .string, .list, .map: nil
    }
  }
}

extension Expression.Operator {
  /// `==` and `!=` compare anything (an integer equals the same number); the order of two values exists for two numbers
  /// or two strings (by Unicode scalar), else it is an error.
  fileprivate func compare(_ a: JSONValue, _ b: JSONValue) throws(EvaluationError) -> Bool {
    let same = a.isSame(as: b)
    switch self {
    case .equal: return same
    case .notEqual: return !same
    case .less, .lessOrEqual, .greater, .greaterOrEqual: break
    case .and, .or: preconditionFailure("&& and || are evaluated by the expression, which needs to stop early")
    }
    let less: Bool
    let greater: Bool
    if case (.string(let x), .string(let y)) = (a, b) {
      less = x.unicodeScalars.lexicographicallyPrecedes(y.unicodeScalars)
      greater = y.unicodeScalars.lexicographicallyPrecedes(x.unicodeScalars)
    } else if let x = a.asNumber, let y = b.asNumber {
      less = x < y
      greater = x > y
    } else {
      throw EvaluationError("'\(rawValue)' cannot compare \(a.described) with \(b.described)")
    }
    switch self {
    case .less: return less
    case .lessOrEqual: return less || same
    case .greater: return greater
    default: return greater || same
    }
  }
}

extension Expression.Function {
  fileprivate func call(
    _ arguments: [JSONValue], in context: ExpressionContext
  ) throws(EvaluationError) -> JSONValue {
    switch self {
    case .success: return .bool(context.success)
    case .failure: return .bool(context.failure)
    case .always: return .bool(true)
    case .cancelled: return .bool(context.cancelled)
    case .contains:
      if case .list(let items) = arguments[0] { return .bool(items.contains { $0.isSame(as: arguments[1]) }) }
      return .bool(arguments[0].text.contains(substring: arguments[1].text))
    case .startsWith: return .bool(arguments[0].text.utf8.starts(with: arguments[1].text.utf8))
    case .endsWith: return .bool(arguments[0].text.utf8.reversed().starts(with: arguments[1].text.utf8.reversed()))
    case .format: return .string(try Self.format(arguments[0].text, arguments.dropFirst().map(\.text)))
    case .join:
      guard case .list(let items) = arguments[0] else {
        throw EvaluationError("join() takes a list, not \(arguments[0].described)")
      }
      return .string(items.map(\.text).joined(separator: arguments.count > 1 ? arguments[1].text : ","))
    case .toJSON: return .string(arguments[0].json)
    case .fromJSON:
      guard case .string(let text) = arguments[0] else {
        throw EvaluationError("fromJSON() takes a string, not \(arguments[0].described)")
      }
      return try JSONReader.parse(text)
    case .default: return arguments[0] == .null || arguments[0] == .string("") ? arguments[1] : arguments[0]
    }
  }

  /// `format('{0} of {1}', a, b)`; `{{` and `}}` are braces. By scalars: to Swift, a brace with an accent on it is
  /// another character.
  private static func format(_ pattern: String, _ arguments: [String]) throws(EvaluationError) -> String {
    var result = String.UnicodeScalarView()
    var rest = pattern.unicodeScalars[...]
    while let brace = rest.firstIndex(where: { $0 == "{" || $0 == "}" }) {
      result += rest[..<brace]
      let mark = rest[brace]
      rest = rest[rest.index(after: brace)...]
      if rest.first == mark {
        result.append(mark)
        rest = rest.dropFirst()
      } else if mark == "{", let end = rest.firstIndex(of: "}"), let index = Int(String(rest[..<end])),
        arguments.indices.contains(index)
      {
        result += arguments[index].unicodeScalars
        rest = rest[rest.index(after: end)...]
      } else {
        throw EvaluationError("format() has a brace that names no argument in '\(pattern)'")
      }
    }
    return String(result + rest)
  }
}

extension String {
  /// Whether `needle` stands somewhere in it, byte by byte. Linear, since both may be a megabyte that a task printed:
  /// D. E. Knuth, J. H. Morris and V. R. Pratt, SIAM J. Comput. 6 (1977) 323.
  fileprivate func contains(substring needle: String) -> Bool {
    let needle = Array(needle.utf8)
    guard !needle.isEmpty else { return true }
    var fallback = [0]
    var matched = 0
    for byte in needle.dropFirst() {
      while matched > 0, byte != needle[matched] { matched = fallback[matched - 1] }
      if byte == needle[matched] { matched += 1 }
      fallback.append(matched)
    }
    matched = 0
    for byte in utf8 {
      while matched > 0, byte != needle[matched] { matched = fallback[matched - 1] }
      if byte == needle[matched] { matched += 1 }
      if matched == needle.count { return true }
    }
    return false
  }
}
