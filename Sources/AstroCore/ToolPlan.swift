/// A command that a workflow declares for models to call.
public struct ToolPlan: Sendable, Equatable {
  public var name: String
  /// What it does, as the model is told.
  public var description = ""
  /// The program and its arguments.
  public var run: [Template] = []
  /// Values may read `args`: what the model calls it with.
  public var env: [EnvironmentPlan] = []
  /// The JSON Schema of its arguments, which are a mapping.
  public var parameters = CommandTool.anyArguments
  /// For one call.
  public var timeout = CommandTool.usualTimeout
  /// Calling it twice does no more than calling it once.
  public var isIdempotent = false

  public init(name: String) { self.name = name }

  /// The tool with everything known but its arguments.
  public func resolved(in context: ExpressionContext) throws(EvaluationError) -> CommandTool {
    var words: [String] = []
    for template in run { words.append(try template.render(in: context)) }
    guard words.first?.isEmpty == false else { throw EvaluationError("the command of tool '\(name)' has no name") }
    var variables: [EnvironmentPlan] = []
    for entry in env {
      variables.append(EnvironmentPlan(name: entry.name, value: try entry.value.resolved(in: context)))
    }
    return CommandTool(
      name: name, description: description, run: words, environment: variables, parameters: parameters,
      timeout: timeout, isIdempotent: isIdempotent)
  }
}

extension Template {
  /// The same with every expression replaced by its text, and in those that read `args` everything else by its value.
  fileprivate func resolved(in context: ExpressionContext) throws(EvaluationError) -> Template {
    var known: [Part] = []
    for part in parts {
      switch part {
      case .expression(let expression) where expression.reads([.args]):
        known.append(.expression(expression.resolved(in: context)))
      case .expression(let expression): known.append(.text(try expression.evaluate(in: context).text))
      case .text: known.append(part)
      }
    }
    return Template(parts: known)
  }
}

extension Expression {
  fileprivate func resolved(in context: ExpressionContext) -> Expression {
    switch self {
    case .literal, .root(.args): self
    case .root(let root): .literal(context.root(root))
    case .member(let base, let name): .member(base.resolved(in: context), name)
    case .element(let base, let index): .element(base.resolved(in: context), index.resolved(in: context))
    case .not(let operand): .not(operand.resolved(in: context))
    case .binary(let sign, let left, let right):
      .binary(sign, left.resolved(in: context), right.resolved(in: context))
    case .call(let function, let arguments): .call(function, arguments.map { $0.resolved(in: context) })
    }
  }
}
