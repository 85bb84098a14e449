public import AstroCore

extension JSONSchema {
  /// What is wrong with a value: where (RFC 6901), and the end of a sentence.
  public struct Violation: Sendable, Hashable, CustomStringConvertible {
    public var pointer: String
    public var message: String

    public init(pointer: String, message: String) {
      self.pointer = pointer
      self.message = message
    }

    public var description: String { pointer.isEmpty ? message : "\(pointer): \(message)" }
  }

  /// So many are enough to mend an answer by.
  public static let mostViolations = 10

  /// What keeps `value` from being valid; nothing when it is.
  public func violations(in value: JSONValue) -> [Violation] {
    var validation = Validation(schema: self)
    validation.check(value, root, at: "", depth: 0)
    return validation.found
  }
}

/// One walk through a value.
private struct Validation {
  let schema: JSONSchema
  var found: [JSONSchema.Violation] = []

  mutating func fail(_ pointer: String, _ message: String) {
    guard found.count < JSONSchema.mostViolations else { return }
    found.append(.init(pointer: pointer, message: message))
  }

  /// Whether it is valid against another schema, without saying why not.
  func isValid(_ value: JSONValue, _ other: JSONValue, depth: Int) -> Bool {
    var trial = Validation(schema: schema)
    trial.check(value, other, at: "", depth: depth)
    return trial.found.isEmpty
  }

  mutating func check(_ value: JSONValue, _ schema: JSONValue, at pointer: String, depth: Int) {
    // A schema may refer to itself without going down in the value.
    guard depth <= 256 else { return fail(pointer, "the schema refers to itself without end") }
    guard case .map(let rules) = schema else {
      if schema == .bool(false) { fail(pointer, "it must not be there") }
      return
    }
    if let types = rules["type"], !Self.matches(value, types) {
      let names = (types.items ?? [types]).map(\.text)
      return fail(pointer, "it must be of type \(names.joined(separator: " or ")), not \(Self.typeName(of: value))")
    }
    checkEquality(value, rules, pointer)
    checkCombinations(value, rules, pointer, depth)
    switch value {
    case .string(let text): check(text, rules, pointer)
    case .integer, .number: check(number: value.double ?? 0, rules, pointer)
    case .list(let items): check(items, rules, pointer, depth)
    case .map(let members): check(members, rules, pointer, depth)
    case .null, .bool: break
    }
  }

  private static func typeName(of value: JSONValue) -> String {
    switch value {
    case .list: "array"
    case .map: "object"
    default: value.typeName
    }
  }

  private static func matches(_ value: JSONValue, _ types: JSONValue) -> Bool {
    (types.items ?? [types]).contains { type in
      switch (type.string, value) {
      case ("null", .null), ("boolean", .bool), ("string", .string), ("array", .list), ("object", .map),
        ("number", .integer), ("number", .number), ("integer", .integer):
        true
      case ("integer", .number(let number)): number == number.rounded()
      default: false
      }
    }
  }

  private mutating func checkEquality(_ value: JSONValue, _ rules: [String: JSONValue], _ pointer: String) {
    if let only = rules["const"], !value.isSame(as: only) { fail(pointer, "it must be \(only.json)") }
    if let values = rules["enum"]?.items, !values.contains(where: { value.isSame(as: $0) }) {
      let shown = values.prefix(10).map(\.json).joined(separator: ", ")
      fail(pointer, "it must be one of \(shown)\(values.count > 10 ? ", …" : "")")
    }
  }

  private mutating func checkCombinations(
    _ value: JSONValue, _ rules: [String: JSONValue], _ pointer: String, _ depth: Int
  ) {
    if let reference = rules["$ref"]?.string, let target = schema.target(of: reference) {
      check(value, target, at: pointer, depth: depth + 1)
    }
    for other in rules["allOf"]?.items ?? [] { check(value, other, at: pointer, depth: depth + 1) }
    if let others = rules["anyOf"]?.items, !others.contains(where: { isValid(value, $0, depth: depth + 1) }) {
      fail(pointer, "it fits none of the \(others.count) schemas of anyOf")
    }
    if let others = rules["oneOf"]?.items {
      let fitting = others.count { isValid(value, $0, depth: depth + 1) }
      if fitting != 1 { fail(pointer, "it fits \(fitting) of the \(others.count) schemas of oneOf, not exactly one") }
    }
    if let other = rules["not"], isValid(value, other, depth: depth + 1) {
      fail(pointer, "it fits a schema that it must not fit")
    }
  }

  private mutating func check(_ text: String, _ rules: [String: JSONValue], _ pointer: String) {
    // Characters are code points to JSON Schema (RFC 8259).
    let length = Double(text.unicodeScalars.count)
    if let least = rules["minLength"]?.double, length < least {
      fail(pointer, "it must have at least \(Self.spell(least, "character"))")
    }
    if let most = rules["maxLength"]?.double, length > most {
      fail(pointer, "it must have at most \(Self.spell(most, "character"))")
    }
    if let source = rules["pattern"]?.string, let pattern = schema.patterns[source], !pattern.matches(text) {
      fail(pointer, "it must match the pattern \(source)")
    }
  }

  private mutating func check(number: Double, _ rules: [String: JSONValue], _ pointer: String) {
    if let least = rules["minimum"]?.double, number < least {
      fail(pointer, "it must be at least \(rules["minimum"]?.json ?? "")")
    }
    if let most = rules["maximum"]?.double, number > most {
      fail(pointer, "it must be at most \(rules["maximum"]?.json ?? "")")
    }
    if let bound = rules["exclusiveMinimum"]?.double, number <= bound {
      fail(pointer, "it must be more than \(rules["exclusiveMinimum"]?.json ?? "")")
    }
    if let bound = rules["exclusiveMaximum"]?.double, number >= bound {
      fail(pointer, "it must be less than \(rules["exclusiveMaximum"]?.json ?? "")")
    }
    if let unit = rules["multipleOf"]?.double {
      // 0.3 is a multiple of 0.1 to whoever wrote it, though not in binary.
      let quotient = number / unit
      if abs(quotient - quotient.rounded()) > 1e-9 * max(1, abs(quotient)) {
        fail(pointer, "it must be a multiple of \(rules["multipleOf"]?.json ?? "")")
      }
    }
  }

  private mutating func check(_ items: [JSONValue], _ rules: [String: JSONValue], _ pointer: String, _ depth: Int) {
    if let least = rules["minItems"]?.double, Double(items.count) < least {
      fail(pointer, "it must have at least \(Self.spell(least, "item"))")
    }
    if let most = rules["maxItems"]?.double, Double(items.count) > most {
      fail(pointer, "it must have at most \(Self.spell(most, "item"))")
    }
    if rules["uniqueItems"] == .bool(true), Self.hasTwins(items) { fail(pointer, "its items must all differ") }
    let first = rules["prefixItems"]?.items ?? []
    for (index, item) in items.enumerated() {
      guard let rule = index < first.count ? first[index] : rules["items"] else { continue }
      check(item, rule, at: "\(pointer)/\(index)", depth: depth + 1)
    }
  }

  private static func hasTwins(_ items: [JSONValue]) -> Bool {
    // Equal numbers of two kinds hash apart; only then is each pair looked at.
    if Set(items).count < items.count { return true }
    let numbers = items.filter { $0.double != nil || $0.items != nil || $0.members != nil }
    return numbers.indices.contains { index in
      numbers[..<index].contains { $0.isSame(as: numbers[index]) }
    }
  }

  private mutating func check(
    _ members: [String: JSONValue], _ rules: [String: JSONValue], _ pointer: String, _ depth: Int
  ) {
    for name in (rules["required"]?.items ?? []).compactMap(\.string) where members[name] == nil {
      fail(pointer, "the member '\(name)' is missing")
    }
    if let least = rules["minProperties"]?.double, Double(members.count) < least {
      fail(pointer, "it must have at least \(Self.spell(least, "member"))")
    }
    if let most = rules["maxProperties"]?.double, Double(members.count) > most {
      fail(pointer, "it must have at most \(Self.spell(most, "member"))")
    }
    let known = rules["properties"]?.members ?? [:]
    for (name, member) in members.sorted(by: { $0.key < $1.key }) {
      let place = "\(pointer)/\(JSONPointer.escaped(name))"
      if let rule = known[name] {
        check(member, rule, at: place, depth: depth + 1)
      } else if rules["additionalProperties"] == .bool(false) {
        fail(place, "there is no such member in the schema")
      } else if let rule = rules["additionalProperties"] {
        check(member, rule, at: place, depth: depth + 1)
      }
    }
  }

  private static func spell(_ count: Double, _ noun: String) -> String {
    "\(JSONValue.number(count).json) \(noun)\(count == 1 ? "" : "s")"
  }
}
