/// A value with expressions in it, as `with:` of a task is.
public indirect enum ValueTemplate: Sendable, Equatable {
  case constant(JSONValue)
  case text(Template)
  case list([ValueTemplate])
  case map([Member])

  public struct Member: Sendable, Equatable {
    public var name: String
    public var value: ValueTemplate

    public init(name: String, value: ValueTemplate) {
      self.name = name
      self.value = value
    }
  }

  /// Every template in it, in order.
  public var templates: [Template] {
    switch self {
    case .constant: []
    case .text(let template): [template]
    case .list(let items): items.flatMap(\.templates)
    case .map(let members): members.flatMap(\.value.templates)
    }
  }

  /// Replaces every expression by its value: one that stands alone keeps its type, one inside a text becomes text. Secrets
  /// stay as where they are to be had.
  public func render(
    in context: ExpressionContext, secrets: [SecretPlan]
  ) throws(EvaluationError) -> RequestValue {
    switch self {
    case .constant(let value): return .value(value)
    case .text(let template): return try template.renderValue(in: context, secrets: secrets)
    case .list(let items):
      var values: [RequestValue] = []
      for item in items { values.append(try item.render(in: context, secrets: secrets)) }
      return .list(values)
    case .map(let members):
      var values: [String: RequestValue] = [:]
      for member in members { values[member.name] = try member.value.render(in: context, secrets: secrets) }
      return .map(values)
    }
  }
}

/// A value with everything resolved but its secrets.
public indirect enum RequestValue: Sendable, Equatable {
  case value(JSONValue)
  case secret([SecretVariable.Part])
  case list([RequestValue])
  case map([String: RequestValue])

  /// The secrets it holds.
  public var secrets: [SecretPlan] {
    switch self {
    case .value: []
    case .secret(let parts): parts.compactMap { if case .secret(let plan) = $0 { plan } else { nil } }
    case .list(let items): items.flatMap(\.secrets)
    case .map(let members): members.values.flatMap(\.secrets)
    }
  }

  /// The whole value, with what `reveal` says of each secret.
  public func revealed<E: Error>(_ reveal: (SecretPlan) throws(E) -> String) throws(E) -> JSONValue {
    switch self {
    case .value(let value): return value
    case .secret(let parts):
      var text = ""
      for part in parts {
        switch part {
        case .text(let plain): text += plain
        case .secret(let plan): text += try reveal(plan)
        }
      }
      return .string(text)
    case .list(let items):
      var values: [JSONValue] = []
      for item in items { values.append(try item.revealed(reveal)) }
      return .list(values)
    case .map(let members):
      var values: [String: JSONValue] = [:]
      for (name, value) in members { values[name] = try value.revealed(reveal) }
      return .map(values)
    }
  }
}

extension Template {
  fileprivate func renderValue(
    in context: ExpressionContext, secrets: [SecretPlan]
  ) throws(EvaluationError) -> RequestValue {
    if holdsSecret { return .secret(try secretParts(in: context, secrets: secrets)) }
    if parts.count == 1, case .expression(let expression) = parts[0] {
      return .value(try expression.evaluate(in: context))
    }
    return .value(.string(try render(in: context)))
  }

  /// Its parts, each expression but the secrets replaced by its text.
  public func secretParts(
    in context: ExpressionContext, secrets: [SecretPlan]
  ) throws(EvaluationError) -> [SecretVariable.Part] {
    var known: [SecretVariable.Part] = []
    for part in parts {
      switch part {
      case .text(let text): known.append(.text(text))
      case .expression(let expression):
        if let secret = secrets.first(where: { $0.name == expression.secretName }) {
          known.append(.secret(secret))
        } else {
          known.append(.text(try expression.evaluate(in: context).text))
        }
      }
    }
    return known
  }
}
