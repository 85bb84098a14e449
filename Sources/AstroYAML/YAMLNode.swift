public import AstroCore

/// One node of a ``YAMLDocument``: a small handle, cheap to copy. Aliases are followed: their target is what one sees.
public struct YAMLNode: Sendable {
  public enum Kind: Sendable { case scalar, sequence, mapping }

  public let document: YAMLDocument
  let index: Int

  init(document: YAMLDocument, at index: Int) {
    self.document = document
    self.index = document.records.target(of: index)
  }

  var record: Record { document.records[index] }

  public var kind: Kind {
    switch record.kind {
    case .plain, .singleQuoted, .doubleQuoted, .literal, .folded: .scalar
    case .sequence: .sequence
    case .mapping, .alias: .mapping  // an alias was followed when the handle was made
    }
  }

  /// Where it begins: 1-based, in lines and Unicode scalars.
  public var line: Int { Int(record.line) }
  public var column: Int { Int(record.column) }
  /// Just past its end.
  public var endLine: Int { Int(record.endLine) }
  public var endColumn: Int { Int(record.endColumn) }
  /// How many scalars a diagnostic underlines.
  public var width: Int { record.width }
  /// A scalar without quotes that is no block: only these have types other than string.
  public var isPlain: Bool { record.kind == .plain }

  /// The text of a scalar as written (quotes and escapes resolved); empty for collections.
  public var text: String { withUTF8 { String(decoding: $0, as: UTF8.self) } }

  /// The bytes of ``text``, without a copy.
  public func withUTF8<Result>(_ body: (UnsafeBufferPointer<UInt8>) throws -> Result) rethrows -> Result {
    let record = record
    let range = record.isScalar ? record.textRange : 0..<0
    return try document.text.withUnsafeBufferPointer { try body(UnsafeBufferPointer(rebasing: $0[range])) }
  }

  /// Whether it is a scalar of exactly this text.
  public func isText(_ word: StaticString) -> Bool {
    let record = record
    guard record.isScalar, record.count == word.utf8CodeUnitCount else { return false }
    return withUTF8 { text in
      for i in 0..<text.count where text[i] != word.utf8Start[i] { return false }
      return true
    }
  }

  /// A scalar by YAML 1.2's core types; `nil` for collections, and where an explicit tag contradicts the text.
  public var scalar: JSONValue? {
    let record = record
    guard record.isScalar else { return nil }
    if record.kind == .plain || record.tag != .none {
      return withUTF8 { CoreSchema.value(of: $0, tagged: record.tag) }
    }
    return .string(text)
  }

  public var isNull: Bool { scalar == .null }

  /// The whole node as a value. Recursion is bounded by the document's depth.
  public var value: JSONValue {
    switch kind {
    case .scalar: return scalar ?? .string(text)
    case .sequence: return .list(items.map(\.value))
    case .mapping:
      var members: [String: JSONValue] = [:]
      for entry in entries { members[entry.key.text] = entry.value.value }
      return .map(members)
    }
  }

  /// The items of a sequence; empty for anything else.
  public var items: Items { Items(parent: self, kind: .sequence) }

  /// The pairs of a mapping in the order of the file, without those that were refused; empty for anything else.
  public var entries: Entries { Entries(items: Items(parent: self, kind: .mapping)) }

  /// The value of a key; `nil` when there is none.
  public func member(_ key: StaticString) -> YAMLNode? {
    let records = document.records
    guard kind == .mapping else { return nil }
    var position = index + 1
    for _ in 0..<record.count / 2 {
      let value = records.next(after: position)
      if !records[position].isRefusedKey, YAMLNode(document: document, at: position).isText(key) {
        return YAMLNode(document: document, at: value)
      }
      position = records.next(after: value)
    }
    return nil
  }

  /// The direct children of a collection.
  public struct Items: Sequence, IteratorProtocol {
    let document: YAMLDocument
    var position: Int
    var rest: Int

    init(parent: YAMLNode, kind: Kind) {
      document = parent.document
      position = parent.index + 1
      rest = parent.kind == kind ? Int(parent.record.count) : 0
    }

    public var underestimatedCount: Int { rest }

    public mutating func next() -> YAMLNode? {
      guard rest > 0 else { return nil }
      defer {
        position = document.records.next(after: position)
        rest -= 1
      }
      return YAMLNode(document: document, at: position)
    }
  }

  /// The pairs of a mapping.
  public struct Entries: Sequence, IteratorProtocol {
    var items: Items

    public var underestimatedCount: Int { items.rest / 2 }

    public mutating func next() -> (key: YAMLNode, value: YAMLNode)? {
      while items.rest > 0 {
        let isRefused = items.document.records[items.position].isRefusedKey
        guard let key = items.next(), let value = items.next() else { return nil }
        if !isRefused { return (key, value) }
      }
      return nil
    }
  }
}
