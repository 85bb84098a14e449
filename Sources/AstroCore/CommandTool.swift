/// A command as a tool for models: its arguments come as one JSON object on standard input, its standard output is the
/// result, and an exit code other than 0 is an error for the model to read.
public struct CommandTool: Sendable, Equatable {
  public var name: String
  public var description: String
  /// The program and its arguments. Nothing of what a model says ever becomes one of them.
  public var run: [String]
  /// Expressions in the values read `args` and nothing else.
  public var environment: [EnvironmentPlan]
  /// The JSON Schema of its arguments.
  public var parameters: JSONValue
  /// For one call.
  public var timeout: Duration
  /// Calling it twice does no more than calling it once.
  public var isIdempotent: Bool

  public static let anyArguments = JSONValue.map(["type": .string("object")])
  public static let usualTimeout = Duration.seconds(60)
  /// The most its variables may take together in one call, in bytes: the system passes no more than 128 KiB in one.
  public static let mostVariables = 100 << 10

  public init(
    name: String, description: String, run: [String], environment: [EnvironmentPlan] = [],
    parameters: JSONValue = Self.anyArguments, timeout: Duration = Self.usualTimeout, isIdempotent: Bool = false
  ) {
    self.name = name
    self.description = description
    self.run = run
    self.environment = environment
    self.parameters = parameters
    self.timeout = timeout
    self.isIdempotent = isIdempotent
  }

  /// The variables of one call. An argument that is not given is empty.
  /// - Throws: why the arguments cannot be passed, for the model to mend.
  public func variables(for arguments: JSONValue) throws(EvaluationError) -> [String: String] {
    let context = ExpressionContext(root: { $0 == .args ? arguments : .null })
    var variables: [String: String] = [:]
    var size = 0
    for entry in environment {
      let value = try entry.value.render(in: context)
      // It would end there.
      if value.utf8.contains(0) { throw EvaluationError("\(entry.name) would hold a NUL character") }
      size += value.utf8.count
      guard size <= Self.mostVariables else {
        throw EvaluationError("\(entry.name) would be too long: there is room for \(Self.mostVariables >> 10) KiB")
      }
      variables[entry.name] = value
    }
    return variables
  }

  /// Everything that decides what a call comes to.
  public var identity: JSONValue {
    .map([
      "description": .string(description), "run": .list(run.map(JSONValue.string)), "parameters": parameters,
      "environment": .list(environment.map { .list([.string($0.name), .string($0.value.spelled)]) }),
    ])
  }
}
