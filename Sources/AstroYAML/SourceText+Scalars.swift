extension SourceText {
  /// Where a byte of a scalar's text stands in the file.
  struct ScalarPlace {
    var line: Int
    var column: Int
    /// Whether it is the very character; else the nearest sure place before it.
    var isExact: Bool
  }

  /// What begins an expression. It holds no space, so that no folding tears it, and no character that quotes escape: the
  /// n-th one of the text is the n-th one of the source, in every style.
  private static let opening = Array("${{".utf8)
  /// In longer scalars only the beginning is marked: a thousand errors must not walk megabytes each.
  private static let longest = 65_536

  /// Walks the source alongside the text, from the last `${{` before the place, or from the scalar's beginning.
  func place(ofByte offset: Int, in node: YAMLNode) -> ScalarPlace {
    let whole = ScalarPlace(line: node.line, column: node.column, isExact: false)
    guard node.withUTF8({ $0.count }) <= Self.longest else { return whole }
    let text = Array(node.text.utf8)
    let offset = min(offset, text.count)
    let start = self.offset(line: node.line, column: node.column)
    let end = self.offset(line: node.endLine, column: node.endColumn)
    guard start < end, end <= bytes.count else { return whole }
    let openings = Self.openings(in: text[..<min(offset + 3, text.count)])
    var cursor = start
    var distance = offset
    if let last = openings.last {
      let written = Self.openings(in: bytes[start..<end])
      guard written.count >= openings.count else { return whole }
      cursor = written[openings.count - 1]
      distance = offset - last
    } else {
      switch node.record.kind {
      case .plain: break
      case .singleQuoted, .doubleQuoted: cursor += 1
      case .literal, .folded, .sequence, .mapping, .alias: return whole
      }
    }
    return walk(distance, from: cursor, to: end, in: node.record.kind)
  }

  private func walk(_ distance: Int, from start: Int, to end: Int, in kind: Record.Kind) -> ScalarPlace {
    var cursor = start
    var rest = distance
    while rest > 0, cursor < end {
      switch (kind, bytes[cursor]) {
      case (_, 0x0A), (_, 0x0D): return place(start, isExact: false)
      case (.singleQuoted, UInt8(ascii: "'")): cursor += 2
      case (.doubleQuoted, UInt8(ascii: "\\")):
        // Escapes other than those of one character are of unknown length in the text.
        guard cursor + 1 < end, [0x22, 0x5C, 0x2F, 0x6E, 0x74].contains(bytes[cursor + 1]) else {
          return place(start, isExact: false)
        }
        cursor += 2
      default: cursor += 1
      }
      rest -= 1
    }
    return place(min(cursor, end), isExact: true)
  }

  private func place(_ offset: Int, isExact: Bool) -> ScalarPlace {
    let place = place(ofByte: offset)
    return ScalarPlace(line: place.line, column: place.column, isExact: isExact)
  }

  private static func openings(in bytes: ArraySlice<UInt8>) -> [Int] {
    bytes.indices.filter { bytes[$0] == opening[0] && bytes[$0...].starts(with: opening) }
  }
}
