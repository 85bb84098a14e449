/// The syntax tree of what stands between `${{` and `}}`. Built by the workflow parser, evaluated where it is needed.
public indirect enum Expression: Sendable, Equatable {
  /// The names an expression may begin with.
  public enum Root: String, Sendable, CaseIterable { case params, env, tasks, run, secrets, args, matrix, item }

  public enum Operator: String, Sendable {
    case equal = "=="
    case notEqual = "!="
    case lessOrEqual = "<="
    case less = "<"
    case greaterOrEqual = ">="
    case greater = ">"
    case and = "&&"
    case or = "||"

    /// How strongly it binds, from the loosest to the tightest: `||`, `&&`, `== !=`, `< <= > >=`.
    public var precedence: Int {
      switch self {
      case .or: 1
      case .and: 2
      case .equal, .notEqual: 3
      case .less, .lessOrEqual, .greater, .greaterOrEqual: 4
      }
    }
  }

  public enum Function: String, Sendable, CaseIterable {
    case success, failure, always, cancelled, contains, startsWith, endsWith, format, join, toJSON, fromJSON
    case `default`

    /// How many arguments it takes.
    public var arity: ClosedRange<Int> {
      switch self {
      case .success, .failure, .always, .cancelled: 0...0
      case .toJSON, .fromJSON: 1...1
      case .contains, .startsWith, .endsWith, .default: 2...2
      case .join: 1...2
      case .format: 1...32
      }
    }

    /// Asks about the state of the needs, which replaces the implied `success()` of an `if`.
    public var isStatus: Bool {
      switch self {
      case .success, .failure, .always, .cancelled: true
      case .contains, .startsWith, .endsWith, .format, .join, .toJSON, .fromJSON, .default: false
      }
    }
  }

  case literal(JSONValue)
  case root(Root)
  case member(Expression, String)
  case element(Expression, Expression)
  case not(Expression)
  case binary(Operator, Expression, Expression)
  case call(Function, [Expression])

  /// Whether a status function occurs anywhere in it.
  public var asksForStatus: Bool {
    switch self {
    case .literal, .root: false
    case .member(let base, _), .not(let base): base.asksForStatus
    case .element(let a, let b), .binary(_, let a, let b): a.asksForStatus || b.asksForStatus
    case .call(let function, let arguments): function.isStatus || arguments.contains(where: \.asksForStatus)
    }
  }

  /// Whether it reads any of `roots`.
  public func reads(_ roots: Set<Root>) -> Bool {
    switch self {
    case .literal: false
    case .root(let root): roots.contains(root)
    case .member(let base, _), .not(let base): base.reads(roots)
    case .element(let a, let b), .binary(_, let a, let b): a.reads(roots) || b.reads(roots)
    case .call(_, let arguments): arguments.contains { $0.reads(roots) }
    }
  }

  /// Whether it may be true while its run is being cancelled: `always()` or `cancelled()` occur in it.
  public var survivesCancel: Bool {
    switch self {
    case .literal, .root: false
    case .member(let base, _), .not(let base): base.survivesCancel
    case .element(let a, let b), .binary(_, let a, let b): a.survivesCancel || b.survivesCancel
    case .call(let function, let arguments):
      function == .always || function == .cancelled || arguments.contains(where: \.survivesCancel)
    }
  }
}

/// A string with expressions in it, as values of `env:` and items of a `run:` list are.
public struct Template: Sendable, Equatable {
  public enum Part: Sendable, Equatable {
    case text(String)
    case expression(Expression)
  }
  public var parts: [Part]

  public init(parts: [Part]) { self.parts = parts }
  public init(_ text: String) { parts = text.isEmpty ? [] : [.text(text)] }

  /// The text itself, when there is no expression in it.
  public var constant: String? {
    switch parts.count {
    case 0: return ""
    case 1:
      if case .text(let text) = parts[0] { return text }
      return nil
    default: return nil
    }
  }

  /// The text with every expression replaced by its value (``JSONValue/text``).
  public func render(in context: ExpressionContext) throws(EvaluationError) -> String {
    if let constant { return constant }
    var result = ""
    for part in parts {
      switch part {
      case .text(let text): result += text
      case .expression(let expression): result += try expression.evaluate(in: context).text
      }
    }
    return result
  }
}
