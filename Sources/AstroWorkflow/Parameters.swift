public import AstroCore
import AstroYAML

/// Binds what was given on the command line to what a workflow declares.
public enum Parameters {
  /// Values of `-p name=value`, converted to the declared types: a list is comma-separated or a JSON array.
  /// - Parameter source: the file the plan was made of; what is wrong with a parameter is told where it is declared.
  /// - Returns: a value for each parameter that was given or has a default. With errors, what could be bound.
  public static func bind(
    _ given: [String: String], to plan: WorkflowPlan, source: [UInt8], file: String
  ) -> (values: [String: JSONValue], diagnostics: [Diagnostic]) {
    var values: [String: JSONValue] = [:]
    var errors = PlacedErrors(in: source, file: file)
    let names = plan.params.map(\.name)
    for name in given.keys.sorted() where !names.contains(name) {
      errors.add("unknown_parameter", "there is no parameter '\(name)'", at: [], hint: hint(for: name, among: names))
    }
    for parameter in plan.params {
      let name = parameter.name
      let place = ["params", name]
      if let text = given[name] {
        if let value = parameter.kind.read(text) {
          values[name] = value
          if let complaint = parameter.complaint(about: value) { errors.add("pattern", complaint, at: place) }
        } else {
          errors.add(
            "wrong_type", "parameter '\(name)': expected \(parameter.kind.noun), got '\(text)'", at: place)
        }
      } else if let value = parameter.defaultValue {
        values[name] = value
      } else if parameter.required {
        errors.add(
          "missing_parameter", "parameter '\(name)' is required", at: place, hint: "give it with -p \(name)=...")
      }
    }
    return (values, errors.diagnostics)
  }

  private static func hint(for name: String, among names: [String]) -> String? {
    if names.isEmpty { return "this workflow takes no parameters" }
    if let nearest = NearestWord.of(name, among: names) { return "did you mean '\(nearest)'?" }
    return names.count <= 12 ? "parameters: \(names.joined(separator: ", "))" : nil
  }
}

extension ParameterPlan {
  /// What is wrong with a value of the right type.
  func complaint(about value: JSONValue) -> String? {
    guard case .string(let text) = value, let source = pattern, let pattern = try? TextPattern(source),
      !pattern.matches(text)
    else { return nil }
    return "parameter '\(name)' does not match the pattern '\(source)'"
  }
}

extension ParameterPlan.Kind {
  /// The type in messages.
  var noun: String {
    switch self {
    case .string: "a string"
    case .integer: "an integer"
    case .number: "a number"
    case .boolean: "true or false"
    case .list: "a list"
    }
  }

  /// The value of a text; `nil` when it is none of this type.
  func read(_ text: String) -> JSONValue? {
    switch self {
    case .string: return .string(text)
    case .integer: return Int64(text).map(JSONValue.integer)
    case .number:
      guard let value = try? JSONReader.parse(text) else { return nil }
      return accept(value)
    case .boolean: return text == "true" ? .bool(true) : text == "false" ? .bool(false) : nil
    case .list:
      if text.utf8.first == UInt8(ascii: "[") { return (try? JSONReader.parse(text)).flatMap(accept) }
      // By bytes: to Swift, a comma with an accent on it is another character.
      let items = text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        .map { JSONValue.string(String(Substring($0))) }
      return .list(text.isEmpty ? [] : items)
    }
  }

  /// A value of this type made of another: an integer is a number too, a scalar where text is wanted stays an error.
  func accept(_ value: JSONValue) -> JSONValue? {
    switch (self, value) {
    case (.string, .string), (.integer, .integer), (.number, .number), (.boolean, .bool), (.list, .list): value
    case (.number, .integer(let number)): .number(Double(number))
    // `3.0` is an integer to JSON Schema, and so it is here.
    case (.integer, .number(let number)): Int64(exactly: number).map(JSONValue.integer)
    case (.string, _), (.integer, _), (.number, _), (.boolean, _), (.list, _): nil
    }
  }
}
