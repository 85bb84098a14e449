import AstroCore
import AstroYAML

/// What the value of a key of `with:` must be, where no expression decides it. The agent checks it again when it is known.
indirect enum RequestForm: Sendable {
  /// Any text of at least so many bytes.
  case text(least: Int)
  /// `http://…`, `https://…`, or a path below the agent's base URL.
  case url
  case integer(ClosedRange<Int>?)
  case number(ClosedRange<Double>)
  case money
  case duration
  case size
  case word([String])
  case list(RequestForm, least: Int)
  /// Names that are free, each with such a value.
  case map(RequestForm)
  case keys([RequestKey], required: [String])
  /// The first for a scalar, the second for anything else.
  case either(RequestForm, RequestForm)
  case any
}

/// One key of `with:`.
struct RequestKey: Sendable {
  let name: StaticString
  /// What it does, as editors show it.
  let about: String
  let form: RequestForm

  init(_ name: StaticString, _ about: String, _ form: RequestForm) {
    self.name = name
    self.about = about
    self.form = form
  }
}

extension RequestForm {
  /// Reports what is wrong with a value.
  func check(_ node: YAMLNode, _ decoder: StrictDecoder) {
    guard TemplateScanner.firstOpening(in: node) == nil else { return }
    switch self {
    case .text(let least): checkText(node, least: least, decoder)
    case .url: checkURL(node, decoder)
    case .integer(let range): _ = decoder.integer(node, in: range)
    case .number(let range): _ = decoder.number(node, in: range)
    case .money: _ = decoder.money(node)
    case .duration: _ = decoder.duration(node, longerThan: .zero)
    case .size: _ = decoder.size(node, in: RequestRange.answerBytes)
    case .word(let words): checkWord(node, words, decoder)
    case .list(let form, let least):
      guard node.kind == .sequence else { return decoder.mismatch("a list", at: node) }
      if node.items.underestimatedCount < least { decoder.error("empty_list", "the list is empty", at: node) }
      for item in node.items { form.check(item, decoder) }
    case .map(let form):
      guard let entries = decoder.entries(node) else { return }
      for entry in entries { form.check(entry.value, decoder) }
    case .keys(let keys, let required):
      guard let reader = decoder.mapping(node, keys: KeySet(keys.map(\.name))) else { return }
      for key in keys { if let value = reader.member(key.name) { key.form.check(value, decoder) } }
      for key in keys where required.contains(key.name.text) { _ = reader.required(key.name) }
    case .either(let scalar, let other): (node.kind == .scalar ? scalar : other).check(node, decoder)
    case .any: break
    }
  }

  private func checkText(_ node: YAMLNode, least: Int, _ decoder: StrictDecoder) {
    guard let text = decoder.text(node), text.utf8.count < least else { return }
    decoder.error("empty_text", "the text is empty", at: node)
  }

  private func checkURL(_ node: YAMLNode, _ decoder: StrictDecoder) {
    guard let text = decoder.string(node) else { return }
    let rest = ["http://", "https://"].first { text.hasPrefix($0) }.map { text.utf8.dropFirst($0.utf8.count) }
    guard rest.map({ $0.isEmpty || $0.first == UInt8(ascii: "/") }) ?? !text.hasPrefix("/") else { return }
    decoder.error(
      "bad_url", "\(StrictDecoder.describe(node)) is not a URL", at: node,
      hint: "write https://host/path, or /path for an agent that has a base_url")
  }

  private func checkWord(_ node: YAMLNode, _ words: [String], _ decoder: StrictDecoder) {
    guard node.kind != .scalar || !words.contains(node.text) else { return }
    let hint = node.kind == .scalar ? decoder.suggestion(for: node.text, among: words) : nil
    decoder.error(
      "unknown_word", "expected one of \(words.joined(separator: ", ")), got \(StrictDecoder.describe(node))",
      at: node, hint: hint)
  }
}

extension RequestForm {
  /// The same as a JSON Schema.
  var schema: JSONValue {
    switch self {
    case .text(let least):
      .map(["type": Self.types("string", "number", "boolean"), "minLength": .integer(Int64(least))])
    case .url: Self.string(#"^https?://[^/]|^/|[$][{][{]"#)
    case .integer(nil): Self.orExpression(.map(["type": .string("integer")]))
    case .integer(let range?):
      Self.orExpression(
        Self.bounded("integer", .integer(Int64(range.lowerBound)), .integer(Int64(range.upperBound))))
    case .number(let range):
      Self.orExpression(Self.bounded("number", .number(range.lowerBound), .number(range.upperBound)))
    case .money:
      Self.orExpression(Self.bounded("number", .integer(0), .integer(Money.most.picodollars / Money.perDollar)))
    case .duration: Self.orExpression(.map(["$ref": .string("#/$defs/positive_duration")]))
    case .size:
      .map([
        "anyOf": .list([
          Self.bounded(
            "integer", .integer(RequestRange.answerBytes.lowerBound), .integer(RequestRange.answerBytes.upperBound)),
          Self.string(#"^(?=[0-9.]*[1-9])[0-9]+([.][0-9]+)?([KMGT](iB)?)?$|[$][{][{]"#),
        ])
      ])
    case .word(let words): Self.orExpression(.map(["enum": .list(words.map(JSONValue.string))]))
    case .list(let form, let least):
      Self.orExpression(
        .map(["type": .string("array"), "items": form.schema, "minItems": .integer(Int64(least))]))
    case .map(let form):
      Self.orExpression(.map(["type": .string("object"), "additionalProperties": form.schema]))
    case .keys(let keys, let required): Self.orExpression(.map(Self.object(keys, required: required)))
    case .either(let scalar, let other): .map(["anyOf": .list([scalar.schema, other.schema])])
    case .any: .map([:])
    }
  }

  static func object(_ keys: [RequestKey], required: [String] = []) -> [String: JSONValue] {
    var properties: [String: JSONValue] = [:]
    for key in keys {
      guard case .map(var schema) = key.form.schema else { continue }
      schema["description"] = .string(key.about)
      properties[key.name.text] = .map(schema)
    }
    var object: [String: JSONValue] = [
      "type": .string("object"), "additionalProperties": .bool(false), "properties": .map(properties),
    ]
    if !required.isEmpty { object["required"] = .list(required.map(JSONValue.string)) }
    return object
  }

  private static func types(_ names: String...) -> JSONValue { .list(names.map(JSONValue.string)) }

  private static func string(_ pattern: String) -> JSONValue {
    .map(["type": .string("string"), "pattern": .string(pattern)])
  }

  private static func bounded(_ type: String, _ least: JSONValue, _ most: JSONValue) -> JSONValue {
    .map(["type": .string(type), "minimum": least, "maximum": most])
  }

  private static func orExpression(_ schema: JSONValue) -> JSONValue {
    .map(["anyOf": .list([schema, string("[$][{][{]")])])
  }
}
