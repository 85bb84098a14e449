import AstroCore
import AstroYAML

extension WorkflowReader {
  /// Each may have a pattern and a long default to match against it.
  static let mostParameters = 256

  func readParameters(_ node: YAMLNode) {
    guard let entries = decoder.entries(node) else { return }
    if entries.underestimatedCount > Self.mostParameters {
      for entry in entries { parameterNames.insert(entry.key.text) }
      return decoder.error(
        "too_many_parameters", "a workflow has at most \(Self.mostParameters) parameters", at: node)
    }
    for entry in entries {
      let name = entry.key.text
      if !Identifier.isValid(name, dashes: .allowed) {
        decoder.error(
          "bad_name", "\(StrictDecoder.describe(entry.key)) is not a parameter's name", at: entry.key,
          hint: "letters, digits, _ and -, beginning with a letter or _")
      }
      // Known even when its declaration is wrong: uses of it are no further errors.
      parameterNames.insert(name)
      if let parameter = parameter(name, entry.value) { plan.params.append(parameter) }
    }
  }

  private func parameter(_ name: String, _ node: YAMLNode) -> ParameterPlan? {
    if node.kind == .mapping { return longParameter(name, node) }
    guard let (kind, value) = defaultValue(node) else { return nil }
    return ParameterPlan(name: name, kind: kind, required: false, defaultValue: value)
  }

  private func longParameter(_ name: String, _ node: YAMLNode) -> ParameterPlan? {
    guard let reader = decoder.mapping(node, keys: WorkflowKeys.parameter) else { return nil }
    _ = reader.string("description")
    let kind = reader.word("type", as: ParameterPlan.Kind.self)
    let value = reader.member("default").flatMap(defaultValue)
    var parameter = ParameterPlan(name: name, kind: kind ?? value?.kind ?? .string, required: false)
    parameter.required = reader.boolean("required") ?? false
    if parameter.required, let node = reader.member("default") {
      decoder.error(
        "unused_key", "a required parameter cannot have a default", at: node,
        hint: "remove one: 'required' or 'default'")
    }
    parameter.pattern = pattern(reader, kind: parameter.kind)
    guard let node = reader.member("default"), let value else { return parameter }
    if let converted = parameter.kind.accept(value.value) {
      parameter.defaultValue = converted
      checkDefault(converted, of: parameter, at: node)
    } else {
      decoder.mismatch(parameter.kind.noun, at: node)
    }
    return parameter
  }

  private func pattern(_ reader: MappingReader, kind: ParameterPlan.Kind) -> String? {
    guard let node = reader.member("pattern"), let pattern = decoder.string(node) else { return nil }
    guard kind == .string else {
      decoder.error("unused_key", "a pattern is for parameters of type string, not \(kind.rawValue)", at: node)
      return nil
    }
    do {
      _ = try TextPattern(pattern)
      return pattern
    } catch {
      decoder.error(
        "bad_pattern", "the pattern cannot be used: \(error.message)", in: node, offset: error.offset)
      return nil
    }
  }

  private func checkDefault(_ value: JSONValue, of parameter: ParameterPlan, at node: YAMLNode) {
    guard let complaint = parameter.complaint(about: value) else { return }
    decoder.error("pattern", "the default of \(complaint)", at: node)
  }

  /// A default and the type it has by itself.
  private func defaultValue(_ node: YAMLNode) -> (kind: ParameterPlan.Kind, value: JSONValue)? {
    switch (node.kind, node.scalar) {
    case (.sequence, _):
      let items = decoder.list(node, of: "values") { self.listItem($0) }
      return items.map { (.list, .list($0)) }
    case (_, .bool(let flag)?): return (.boolean, .bool(flag))
    case (_, .integer(let number)?): return (.integer, .integer(number))
    case (_, .number(let number)?) where number.isFinite: return (.number, .number(number))
    case (_, .string(let text)?): return (.string, .string(text))
    case (.mapping, _), (.scalar, _):
      decoder.mismatch("a default value", at: node, hint: "a parameter without one is '{type: string}'")
      return nil
    }
  }

  private func listItem(_ node: YAMLNode) -> JSONValue? {
    switch node.scalar {
    case .number(let number)? where !number.isFinite: break
    case .bool?, .integer?, .number?, .string?: return node.scalar
    case .null?, .list?, .map?, nil: break
    }
    decoder.mismatch("a string, a number, true or false", at: node)
    return nil
  }
}
