public import AstroCore

/// A JSON Schema (draft 2020-12), in the subset that models are asked to keep: what is not of it is refused rather than
/// passed over, so that nothing counts as valid that was not looked at. `format` is a remark, as the draft has it.
public struct JSONSchema: Sendable {
  /// Why a schema cannot be used: where, and the end of a sentence.
  public struct Malformed: Error, Sendable, Equatable, CustomStringConvertible {
    public var pointer: String
    public var message: String

    public var description: String { pointer.isEmpty ? message : "\(pointer): \(message)" }
  }

  let root: JSONValue
  private(set) var patterns: [String: TextPattern] = [:]

  static let types: Set<String> = ["null", "boolean", "integer", "number", "string", "array", "object"]
  /// Keywords that say nothing about validity.
  private static let remarks: Set<String> = [
    "$schema", "$id", "$comment", "$anchor", "title", "description", "default", "examples", "format", "deprecated",
    "readOnly", "writeOnly", "contentEncoding", "contentMediaType",
  ]

  /// - Throws: what is wrong with the schema.
  public init(_ schema: JSONValue) throws(Malformed) {
    root = schema
    try check(schema, at: "", depth: 0)
  }

  private mutating func check(_ schema: JSONValue, at pointer: String, depth: Int) throws(Malformed) {
    guard depth <= 64 else { throw Malformed(pointer: pointer, message: "it is nested more than 64 levels deep") }
    if case .bool = schema { return }
    guard case .map(let members) = schema else {
      throw Malformed(pointer: pointer, message: "a schema is a mapping, not \(schema.described)")
    }
    for (keyword, value) in members.sorted(by: { $0.key < $1.key }) {
      try check(keyword, value, at: "\(pointer)/\(JSONPointer.escaped(keyword))", depth: depth)
    }
  }

  private mutating func check(
    _ keyword: String, _ value: JSONValue, at pointer: String, depth: Int
  ) throws(Malformed) {
    switch keyword {
    case _ where Self.remarks.contains(keyword), "const": break
    case "type":
      let names = value.items ?? [value]
      for name in names where !Self.types.contains(name.string ?? "") {
        throw Malformed(pointer: pointer, message: "'\(name.text)' is no type")
      }
    case "enum": try require(value.items != nil, "a list of values", value, pointer)
    case "required":
      try require(value.items?.allSatisfy { $0.string != nil } ?? false, "a list of names", value, pointer)
    case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum":
      try require(value.double != nil, "a number", value, pointer)
    case "multipleOf": try require(value.double.map { $0 > 0 } ?? false, "a number above 0", value, pointer)
    case "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties":
      try require(value.double.map { $0 >= 0 } ?? false, "a count", value, pointer)
    case "uniqueItems": if case .bool = value {} else { try require(false, "true or false", value, pointer) }
    case "pattern": try checkPattern(value, pointer)
    case "$ref": try checkReference(value, pointer)
    case "properties", "$defs", "definitions":
      try require(value.members != nil, "a mapping of schemas", value, pointer)
      for (name, schema) in (value.members ?? [:]).sorted(by: { $0.key < $1.key }) {
        try check(schema, at: "\(pointer)/\(JSONPointer.escaped(name))", depth: depth + 1)
      }
    case "anyOf", "oneOf", "allOf", "prefixItems":
      try require(value.items.map { !$0.isEmpty } ?? false, "a list of schemas", value, pointer)
      for (index, schema) in (value.items ?? []).enumerated() {
        try check(schema, at: "\(pointer)/\(index)", depth: depth + 1)
      }
    case "items", "additionalProperties", "not": try check(value, at: pointer, depth: depth + 1)
    default: throw Malformed(pointer: pointer, message: "the keyword '\(keyword)' is not supported")
    }
  }

  private func require(
    _ holds: Bool, _ wanted: String, _ value: JSONValue, _ pointer: String
  ) throws(Malformed) {
    guard holds else { throw Malformed(pointer: pointer, message: "it must be \(wanted), not \(value.described)") }
  }

  private mutating func checkPattern(_ value: JSONValue, _ pointer: String) throws(Malformed) {
    guard let text = value.string else { return try require(false, "a regular expression", value, pointer) }
    do throws(PatternError) {
      patterns[text] = try TextPattern(text)
    } catch {
      throw Malformed(pointer: pointer, message: "the pattern cannot be used: \(error.message)")
    }
  }

  private func checkReference(_ value: JSONValue, _ pointer: String) throws(Malformed) {
    guard let reference = value.string else { return try require(false, "a reference", value, pointer) }
    guard target(of: reference) != nil else {
      throw Malformed(pointer: pointer, message: "'\(reference)' is not in this schema")
    }
  }

  /// What `#`, or `#/` and a JSON pointer, means.
  func target(of reference: String) -> JSONValue? {
    guard reference.hasPrefix("#") else { return nil }
    return JSONPointer.find(reference.dropFirst(), in: root)
  }
}

/// RFC 6901.
enum JSONPointer {
  static func escaped(_ name: String) -> String {
    guard name.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }) else { return name }
    return name.reduce(into: "") { $0 += $1 == "~" ? "~0" : $1 == "/" ? "~1" : String($1) }
  }

  static func find(_ pointer: Substring, in root: JSONValue) -> JSONValue? {
    if pointer.isEmpty { return root }
    guard pointer.hasPrefix("/") else { return nil }
    var place = root
    for step in pointer.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
      switch place {
      case .map(let members):
        guard let next = members[unescaped(step)] else { return nil }
        place = next
      case .list(let items):
        guard let index = Int(step), items.indices.contains(index) else { return nil }
        place = items[index]
      default: return nil
      }
    }
    return place
  }

  private static func unescaped(_ step: Substring) -> String {
    let parts = step.split(separator: "~", omittingEmptySubsequences: false)
    return String(parts[0])
      + parts.dropFirst().map { part in
        part.hasPrefix("1") ? "/" + part.dropFirst() : part.hasPrefix("0") ? "~" + part.dropFirst() : "~" + part
      }.joined()
  }
}
