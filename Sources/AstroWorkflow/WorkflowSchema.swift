import AstroCore
import AstroYAML

/// The language as a JSON Schema (draft 2020-12), for editors: the keys are those of ``WorkflowKeys``, and the forms of
/// their values as far as a schema can say them. What needs the whole file (needs that exist, circles, what expressions
/// read) only the parser knows.
public enum WorkflowSchema {
  /// Pretty-printed, ending in a newline.
  public static var json: String {
    var document = object(WorkflowKeys.topKeys, required: ["tasks"])
    document["$schema"] = .string("https://json-schema.org/draft/2020-12/schema")
    document["title"] = .string("Astro workflow")
    document["description"] = .string("A file for the spool of astro: tasks, what each needs, and how each is run.")
    document["$defs"] = .map(definitions)
    return PrettyJSON.text(.map(document)) + "\n"
  }

  private static var definitions: [String: JSONValue] {
    var all = shared.mapValues(parse)
    all["task"] = task
    for kind in AgentKind.allCases { all["with_\(kind.rawValue)"] = RequestKeys.of(kind)?.schema }
    var budget = object(WorkflowKeys.budgetKeys)
    budget["minProperties"] = .integer(1)
    all["budget"] = .map(budget)
    all["cache"] = .map([
      "anyOf": .list([.map(["type": .string("boolean")]), .map(object(WorkflowKeys.cacheKeys))])
    ])
    all["defaults"] = .map(object(WorkflowKeys.defaultKeys))
    all["resources"] = .map(object(WorkflowKeys.resourceKeys))
    all["retry"] = .map(object(WorkflowKeys.retryKeys))
    all["kind"] = words(ParameterPlan.Kind.allCases.map(\.rawValue))
    all["cause"] = words(RetryPolicy.Cause.allCases.map(\.rawValue))
    all["tool"] = .map(object(WorkflowKeys.toolKeys, required: ["description", "run"]))
    var secret = object(WorkflowKeys.secretKeys)
    secret["minProperties"] = .integer(1)
    secret["maxProperties"] = .integer(1)
    all["secret"] = .map(secret)
    var declaration = object(WorkflowKeys.parameterKeys)
    declaration["allOf"] = parse(parameterRules)
    all["parameter"] = .map(["anyOf": .list([reference("value"), .map(declaration)])])
    return all
  }

  /// A task says what is to be done in one of two forms; one that asks for a type of agent, in the words of that type.
  private static var task: JSONValue {
    var task = object(WorkflowKeys.taskKeys)
    var rules = [parse(##"{"oneOf": [{"required": ["run"]}, {"required": ["with"]}]}"##)]
    for kind in AgentKind.allCases {
      var properties: [String: JSONValue] = [:]
      if kind != .command { properties["run"] = .bool(false) }
      if RequestKeys.of(kind) != nil { properties["with"] = reference("with_\(kind.rawValue)") }
      rules.append(
        .map([
          "if": .map([
            "properties": .map(["agent": .map(["const": .string(kind.rawValue)])]),
            "required": .list([.string("agent")]),
          ]), "then": .map(["properties": .map(properties)]),
        ]))
    }
    task["allOf"] = .list(rules)
    return .map(task)
  }

  private static func object(_ keys: [Key], required: [String] = []) -> [String: JSONValue] {
    var properties: [String: JSONValue] = [:]
    for key in keys {
      var schema = key.schema.hasPrefix("{") ? parse(key.schema) : reference(key.schema)
      if case .map(var members) = schema {
        members["description"] = .string(key.about)
        schema = .map(members)
      }
      properties[key.name.text] = schema
    }
    var result: [String: JSONValue] = [
      "type": .string("object"), "additionalProperties": .bool(false), "properties": .map(properties),
    ]
    if !required.isEmpty { result["required"] = .list(required.map(JSONValue.string)) }
    return result
  }

  private static func reference(_ name: String) -> JSONValue { .map(["$ref": .string("#/$defs/\(name)")]) }

  private static func words(_ words: [String]) -> JSONValue { .map(["enum": .list(words.map(JSONValue.string))]) }

  private static func parse(_ text: String) -> JSONValue {
    do { return try JSONReader.parse(text) } catch {
      preconditionFailure("a part of the schema is not JSON: \(error.message): \(text)")
    }
  }

  private static let shared = [
    "name": ##"{"type": "string", "pattern": "^[a-z0-9_-]{1,64}$"}"##,
    "identifier": ##"{"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_-]*$"}"##,
    "tool_name": ##"{"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_-]{0,63}$"}"##,
    "variable": ##"{"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}"##,
    "text": ##"{"type": ["string", "number", "boolean"]}"##,
    "plain": ##"{"type": ["string", "number", "boolean"], "pattern": "^(?![\\s\\S]*[$][{][{])"}"##,
    "word": ##"{"type": "string", "pattern": "^(?![\\s\\S]*[$][{][{])[\\s\\S]"}"##,
    "names": ##"{"type": "array", "uniqueItems": true, "items": {"$ref": "#/$defs/word"}}"##,
    // Keys are taken as they stand; what an agent is asked depends on its type.
    "with": ##"{"type": "object", "propertyNames": {"pattern": "^(?![\\s\\S]*[$][{][{])"}}"##,
    "time": ##"""
    {"type": "string", "format": "date-time",
     "pattern": "^\\d{4}-\\d\\d-\\d\\d[Tt]\\d\\d:\\d\\d:\\d\\d([.]\\d+)?([Zz]|[+-]\\d\\d:\\d\\d)$"}
    """##,
    // 500ms, 10s, 5m, 2h, 1d, or a number of seconds.
    "duration": ##"""
    {"anyOf": [{"type": "number", "minimum": 0, "maximum": 3155760000},
               {"type": "string", "pattern": "^[0-9]+([.][0-9]+)?(ms|s|m|h|d)?$"}]}
    """##,
    "positive_duration": ##"""
    {"anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": 3155760000},
               {"type": "string", "pattern": "^(?=[0-9.]*[1-9])[0-9]+([.][0-9]+)?(ms|s|m|h|d)?$"}]}
    """##,
    // 512MiB, 64K, or a number of bytes.
    "size": ##"""
    {"anyOf": [{"type": "integer", "minimum": 1048576, "maximum": 1125899906842624},
               {"type": "string", "pattern": "^(?=[0-9.]*[1-9])[0-9]+([.][0-9]+)?([KMGT](iB)?)?$"}]}
    """##,
    "env": ##"""
    {"type": "object", "propertyNames": {"pattern": "^(?!ASTRO_)[A-Za-z_][A-Za-z0-9_]*$"},
     "additionalProperties": {"$ref": "#/$defs/text"}}
    """##,
    "value": ##"""
    {"anyOf": [{"$ref": "#/$defs/text"}, {"type": "array", "items": {"$ref": "#/$defs/text"}}]}
    """##,
    // Names of tasks may look like numbers, which YAML takes for such.
    "needs": ##"""
    {"anyOf": [{"$ref": "#/$defs/name"}, {"type": ["number", "boolean"]},
               {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/name"}, {"type": ["number", "boolean"]}]}}]}
    """##,
    // Expressions cannot stand in a script: they are passed through env.
    "run": ##"""
    {"anyOf": [{"type": ["string", "number", "boolean"], "pattern": "^(?![\\s\\S]*[$][{][{])[\\s\\S]*[^ \\t\\n]"},
               {"type": "array", "minItems": 1, "prefixItems": [{"$ref": "#/$defs/text", "minLength": 1}],
                "items": {"$ref": "#/$defs/text"}}]}
    """##,
    "shell": ##"""
    {"anyOf": [{"type": "string", "pattern": "^(?!.*[$][{][{])(/[^\\u0000- \\u007f]*)?[^\\u0000- /\\u007f]+$"},
               {"type": "array", "minItems": 1, "prefixItems": [{"$ref": "#/$defs/plain", "minLength": 1}],
                "items": {"$ref": "#/$defs/plain"}}]}
    """##,
  ]

  /// A default is of the declared type, a required parameter has none, and only strings have a pattern.
  private static let parameterRules = ##"""
    [{"if": {"properties": {"required": {"const": true}}, "required": ["required"]},
      "then": {"properties": {"default": false}}},
     {"if": {"required": ["pattern"]}, "then": {"properties": {"type": {"const": "string"}, "default": {"type": "string"}}}},
     {"if": {"properties": {"type": {"const": "string"}}, "required": ["type"]},
      "then": {"properties": {"default": {"type": "string"}}}},
     {"if": {"properties": {"type": {"const": "integer"}}, "required": ["type"]},
      "then": {"properties": {"default": {"type": "integer"}}}},
     {"if": {"properties": {"type": {"const": "number"}}, "required": ["type"]},
      "then": {"properties": {"default": {"type": "number"}}}},
     {"if": {"properties": {"type": {"const": "boolean"}}, "required": ["type"]},
      "then": {"properties": {"default": {"type": "boolean"}}}},
     {"if": {"properties": {"type": {"const": "list"}}, "required": ["type"]},
      "then": {"properties": {"default": {"type": "array"}}}}]
    """##
}

/// JSON for people: two spaces a level, what fits in a line on one.
private enum PrettyJSON {
  static func text(_ value: JSONValue, indent: String = "") -> String {
    let line = value.json
    guard line.utf8.count + indent.utf8.count > 100 else { return line }
    let inner = indent + "  "
    switch value {
    case .list(let items):
      let lines = items.map { inner + text($0, indent: inner) }
      return "[\n\(lines.joined(separator: ",\n"))\n\(indent)]"
    case .map(let members):
      let lines = members.sorted { $0.key < $1.key }.map { name, member in
        "\(inner)\(JSONValue.string(name).json): \(text(member, indent: inner))"
      }
      return "{\n\(lines.joined(separator: ",\n"))\n\(indent)}"
    case .null, .bool, .integer, .number, .string: return line
    }
  }
}
