public import AstroCore

extension StrictDecoder {
  /// A string: quoted, a block, or a plain scalar that YAML 1.2 does not type otherwise.
  public func string(_ node: YAMLNode) -> String? {
    let value = node.scalar
    if case .string(let text)? = value { return text }
    switch value {
    case .bool?, .integer?, .number?: mismatch("a string", at: node, hint: "quote it: '\(node.text)'")
    case .null?, .string?, .list?, .map?, nil: mismatch("a string", at: node)
    }
    return nil
  }

  /// Any scalar but null, as it is written: for places where `8080` or `true` can only be meant as text.
  public func text(_ node: YAMLNode, expecting expected: String = "a string") -> String? {
    guard node.kind == .scalar, !node.isNull else {
      mismatch(expected, at: node)
      return nil
    }
    return node.text
  }

  public func integer(_ node: YAMLNode, in range: ClosedRange<Int>? = nil) -> Int? {
    let expected = range.map { "an integer from \($0.lowerBound) to \($0.upperBound)" } ?? "an integer"
    // `3.0` is an integer to JSON Schema, and so it is here.
    let number: Int?
    switch node.scalar {
    case .integer(let value)?: number = Int(exactly: value)
    case .number(let value)?: number = Int(exactly: value)
    case .null?, .bool?, .string?, .list?, .map?, nil: number = nil
    }
    guard let number else {
      mismatch(expected, at: node, hint: unquoted(node) { Int($0) != nil })
      return nil
    }
    if let range, !range.contains(number) {
      error("out_of_range", "expected \(expected), got \(number)", at: node)
      return nil
    }
    return number
  }

  /// The hint for a value that is right but for its quotes.
  private func unquoted(_ node: YAMLNode, _ isRight: (String) -> Bool) -> String? {
    node.kind == .scalar && !node.isPlain && isRight(node.text) ? "write it without quotes" : nil
  }

  /// A finite number, written as an integer or not.
  public func number(_ node: YAMLNode, in range: ClosedRange<Double>? = nil) -> Double? {
    let expected = range.map { "a number from \(Self.spell($0.lowerBound)) to \(Self.spell($0.upperBound))" }
    let number: Double?
    switch node.scalar {
    case .integer(let value)?: number = Double(value)
    case .number(let value)? where value.isFinite: number = value
    default: number = nil
    }
    guard let number else {
      mismatch(expected ?? "a number", at: node, hint: unquoted(node) { Double($0) != nil })
      return nil
    }
    if let range, !range.contains(number) {
      error("out_of_range", "expected \(expected ?? "a number"), got \(node.text)", at: node)
      return nil
    }
    return number
  }

  private static func spell(_ number: Double) -> String { JSONValue.number(number).json }

  public func boolean(_ node: YAMLNode) -> Bool? {
    if case .bool(let value)? = node.scalar { return value }
    let words = ["yes": "true", "on": "true", "no": "false", "off": "false"]
    let hint = words[node.text.lowercased()].map { "write \($0)" }
    mismatch("true or false", at: node, hint: hint ?? unquoted(node) { Bool($0) != nil })
    return nil
  }

  /// `500ms 10s 5m 2h 1d` or a number of seconds, up to `most`. With `longerThan`, shorter and equal ones are errors.
  public func duration(
    _ node: YAMLNode, longerThan bound: Duration? = nil, atMost most: Duration = Notation.longestDuration
  ) -> Duration? {
    guard let duration = anyDuration(node) else { return nil }
    if let bound, duration <= bound {
      error("out_of_range", "expected a duration longer than \(Notation.spell(bound)), got \(node.text)", at: node)
      return nil
    }
    if duration > most {
      error("out_of_range", "expected a duration of at most \(Notation.spell(most)), got \(node.text)", at: node)
      return nil
    }
    return duration
  }

  /// A duration between two others.
  public func duration(_ node: YAMLNode, in range: ClosedRange<Duration>) -> Duration? {
    guard let duration = anyDuration(node) else { return nil }
    guard range.contains(duration) else {
      let expected = "a duration from \(Notation.spell(range.lowerBound)) to \(Notation.spell(range.upperBound))"
      error("out_of_range", "expected \(expected), got \(node.text)", at: node)
      return nil
    }
    return duration
  }

  private func anyDuration(_ node: YAMLNode) -> Duration? {
    let duration: Duration?
    switch node.scalar {
    case .string(let text)?: duration = Notation.duration(text)
    case .integer(let value)?: duration = Notation.duration(seconds: Double(value))
    case .number(let value)?: duration = Notation.duration(seconds: value)
    case .null?, .bool?, .list?, .map?, nil: duration = nil
    }
    if duration == nil { mismatch("a duration such as 30s, 5m or 2h", at: node) }
    return duration
  }

  /// A size between two others, in bytes.
  public func size(_ node: YAMLNode, in range: ClosedRange<Int64>) -> Int64? {
    let size: Int64?
    switch node.scalar {
    case .string(let text)?: size = Notation.size(text)
    case .integer(let value)?: size = Int64(value)
    case .number(let value)?: size = Int64(exactly: value)
    case .null?, .bool?, .list?, .map?, nil: size = nil
    }
    guard let size else {
      mismatch("a size such as 512MiB", at: node)
      return nil
    }
    guard range.contains(size) else {
      let expected =
        "a size from \(Notation.spell(bytes: range.lowerBound)) to \(Notation.spell(bytes: range.upperBound))"
      error("out_of_range", "expected \(expected), got \(node.text)", at: node)
      return nil
    }
    return size
  }

  /// RFC 3339, quoted or not.
  public func timestamp(_ node: YAMLNode) -> Timestamp? {
    if case .string(let text)? = node.scalar, let time = Timestamp(rfc3339: text) { return time }
    mismatch("a time such as 2026-11-24T02:00:00Z", at: node)
    return nil
  }

  /// One of the words of an enumeration.
  public func word<Word: RawRepresentable & CaseIterable>(_ node: YAMLNode, as type: Word.Type) -> Word?
  where Word.RawValue == String {
    if node.kind == .scalar, let word = Word(rawValue: node.text) { return word }
    let words = Word.allCases.map(\.rawValue)
    let hint = node.kind == .scalar ? suggestion(for: node.text, among: words) : nil
    error(
      "unknown_word", "expected one of \(words.joined(separator: ", ")), got \(Self.describe(node))", at: node,
      hint: hint)
    return nil
  }

  /// A list whose items are strings.
  public func strings(_ node: YAMLNode) -> [String]? { list(node, of: "strings") { self.string($0) } }

  /// A list, each item read by `item`. Items that are wrong are reported one by one; then the list is `nil`.
  public func list<Item>(_ node: YAMLNode, of what: String, _ item: (YAMLNode) -> Item?) -> [Item]? {
    guard node.kind == .sequence else {
      let isWord = node.kind == .scalar && !node.isNull && !node.text.contains("\n")
      mismatch("a list of \(what)", at: node, hint: isWord ? "write a list: [\(Self.describe(node))]" : nil)
      return nil
    }
    var items: [Item] = []
    var isWhole = true
    for node in node.items {
      if let value = item(node) { items.append(value) } else { isWhole = false }
    }
    return isWhole ? items : nil
  }
}
