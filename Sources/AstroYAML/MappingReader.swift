public import AstroCore

extension StrictDecoder {
  /// A mapping that may hold only `keys`; every other key is reported. `nil` when the node is no mapping.
  /// - Parameter hint: what to do about a node that is none.
  public func mapping(
    _ node: YAMLNode, keys: KeySet, hint: @autoclosure () -> String? = nil
  ) -> MappingReader? {
    guard node.kind == .mapping else {
      mismatch("a mapping", at: node, hint: hint())
      return nil
    }
    for entry in node.entries where !keys.names.contains(where: { entry.key.isText($0) }) {
      refuse(entry.key, keys)
    }
    return MappingReader(decoder: self, node: node)
  }

  /// The pairs of a mapping whose keys are free. `nil` when the node is no mapping.
  public func entries(_ node: YAMLNode, hint: String? = nil) -> YAMLNode.Entries? {
    guard node.kind == .mapping else {
      mismatch("a mapping", at: node, hint: hint)
      return nil
    }
    return node.entries
  }

  private func refuse(_ key: YAMLNode, _ keys: KeySet) {
    let name = key.text
    if keys.ignored.contains(where: { key.isText($0) }) { return }
    if keys.notYetSupported.contains(where: { key.isText($0) }) {
      return error("not_supported_yet", "'\(name)' is not supported yet", at: key)
    }
    if let elsewhere = keys.elsewhere.first(where: { $0.names.contains { key.isText($0) } }) {
      return error("unknown_key", "unknown key '\(name)'", at: key, hint: "it is a key of \(elsewhere.place)")
    }
    let names = keys.names.map(\.text)
    let all = "valid keys: \(names.joined(separator: ", "))"
    error("unknown_key", "unknown key '\(name)'", at: key, hint: suggestion(for: name, among: names) ?? all)
  }
}

/// A mapping whose keys have been checked. Its readers return `nil` when the key is absent, and when its value is wrong,
/// which they have reported then.
public struct MappingReader {
  public let decoder: StrictDecoder
  public let node: YAMLNode

  /// The value of a key.
  public func member(_ key: StaticString) -> YAMLNode? { node.member(key) }

  /// The value of a key that must be there.
  public func required(_ key: StaticString) -> YAMLNode? {
    if let value = node.member(key) { return value }
    decoder.error("missing_key", "'\(key)' is missing", at: node)
    return nil
  }

  public func string(_ key: StaticString) -> String? { member(key).flatMap { decoder.string($0) } }
  public func boolean(_ key: StaticString) -> Bool? { member(key).flatMap { decoder.boolean($0) } }
  public func strings(_ key: StaticString) -> [String]? { member(key).flatMap { decoder.strings($0) } }
  public func timestamp(_ key: StaticString) -> Timestamp? { member(key).flatMap { decoder.timestamp($0) } }

  public func integer(_ key: StaticString, in range: ClosedRange<Int>? = nil) -> Int? {
    member(key).flatMap { decoder.integer($0, in: range) }
  }
  public func number(_ key: StaticString, in range: ClosedRange<Double>? = nil) -> Double? {
    member(key).flatMap { decoder.number($0, in: range) }
  }
  public func duration(
    _ key: StaticString, longerThan bound: Duration? = nil, atMost most: Duration = Notation.longestDuration
  ) -> Duration? {
    member(key).flatMap { decoder.duration($0, longerThan: bound, atMost: most) }
  }
  public func duration(_ key: StaticString, in range: ClosedRange<Duration>) -> Duration? {
    member(key).flatMap { decoder.duration($0, in: range) }
  }
  public func size(_ key: StaticString, in range: ClosedRange<Int64>) -> Int64? {
    member(key).flatMap { decoder.size($0, in: range) }
  }
  public func word<Word: RawRepresentable & CaseIterable>(_ key: StaticString, as type: Word.Type) -> Word?
  where Word.RawValue == String {
    member(key).flatMap { decoder.word($0, as: type) }
  }
  public func mapping(_ key: StaticString, keys: KeySet) -> MappingReader? {
    member(key).flatMap { decoder.mapping($0, keys: keys) }
  }
}
