extension Composer {
  /// Refuses keys that are no scalars, merge keys, and keys given twice, once their mapping is complete.
  mutating func checkKeys(of mapping: Int) {
    let pairs = Int(records[mapping].count / 2)
    var seen = KeyTable(expecting: pairs)
    var key = mapping + 1
    for _ in 0..<pairs {
      let value = records.next(after: key)
      let resolved = records.target(of: key)
      if !records[resolved].isScalar {
        refuse(key, "complex_key", "a key must be a scalar", hint: nil)
      } else if isMergeKey(resolved) {
        refuse(
          key, "merge_key", "merge keys ('<<') are not part of YAML 1.2",
          hint: "write the keys out, or put what all tasks share under 'defaults:'")
      } else if let first = seen.insert(resolved, records: records, text: text) {
        let name = String(decoding: text[records[resolved].textRange], as: UTF8.self)
        refuse(key, "duplicate_key", "duplicate key '\(name)', first given in line \(records[first].line)", hint: nil)
      }
      key = records.next(after: value)
    }
  }

  private func isMergeKey(_ record: Int) -> Bool {
    records[record].kind == .plain && text[records[record].textRange].elementsEqual([0x3C, 0x3C])
  }

  private mutating func refuse(_ key: Int, _ code: String, _ message: String, hint: String?) {
    records[key].isRefusedKey = true
    let record = records[key]
    findings.add(
      code, message, line: Int(record.line), column: Int(record.column), width: record.width, hint: hint)
  }
}

/// The keys of one mapping, to find duplicates. Small mappings are compared one by one; larger ones are hashed with
/// the process's random seed, so that no file can be written to collide.
struct KeyTable {
  private static let small = 8
  /// Key records, or -1; a power of two of slots when hashed, a plain list when small.
  private var slots: [Int32]
  private let isHashed: Bool

  init(expecting count: Int) {
    isHashed = count > Self.small
    slots = []
    guard isHashed else { return }
    var capacity = 16
    while capacity < count * 2 { capacity *= 2 }
    slots = Array(repeating: -1, count: capacity)
  }

  /// The record of the equal key inserted before, if there is one.
  mutating func insert(_ key: Int, records: [Record], text: [UInt8]) -> Int? {
    text.withUnsafeBytes { text in
      let bytes = UnsafeRawBufferPointer(rebasing: text[records[key].textRange])
      func isSame(_ other: Int32) -> Bool {
        let range = records[Int(other)].textRange
        return range.count == bytes.count && text[range].elementsEqual(bytes)
      }
      guard isHashed else {
        if let same = slots.first(where: isSame) { return Int(same) }
        slots.append(Int32(key))
        return nil
      }
      var hasher = Hasher()
      hasher.combine(bytes: bytes)
      var slot = hasher.finalize() & (slots.count - 1)
      while slots[slot] >= 0 {
        if isSame(slots[slot]) { return Int(slots[slot]) }
        slot = (slot + 1) & (slots.count - 1)
      }
      slots[slot] = Int32(key)
      return nil
    }
  }
}

extension [Record] {
  /// The sibling after `index`, or what follows its parent.
  func next(after index: Int) -> Int {
    switch self[index].kind {
    case .sequence, .mapping: Int(self[index].first)
    case .plain, .singleQuoted, .doubleQuoted, .literal, .folded, .alias: index + 1
    }
  }

  /// What an alias stands for; anything else is itself. An anchor's node is never an alias.
  func target(of index: Int) -> Int { self[index].kind == .alias ? Int(self[index].first) : index }
}

extension Record {
  var textRange: Range<Int> { Int(first)..<Int(first) + Int(count) }

  /// How many scalars to underline: all of a node on one line, else only its beginning.
  var width: Int { endLine == line && endColumn > column ? Int(endColumn - column) : 1 }
}
