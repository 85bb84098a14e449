import AstroCore

/// JSON spells characters past U+FFFF as two escapes, `\ud83d\ude00`, which YAML refuses. In a file that is JSON from
/// end to end each pair is respelled `\U0001f600` for the parser; places are moved back afterwards.
struct SurrogatePairs: Sendable {
  /// Where a respelled pair ends, in the respelled text, in order.
  private var ends: [(line: UInt32, column: UInt32)] = []

  /// The bytes to parse instead; `nil` when nothing has to change.
  mutating func respell(_ bytes: [UInt8]) -> [UInt8]? {
    guard let first = bytes.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }),
      first == UInt8(ascii: "{") || first == UInt8(ascii: "["),
      bytes.withUnsafeBufferPointer({ bytes in bytes.indices.contains { Self.pair(in: bytes, at: $0) != nil } }),
      (try? JSONReader.parse(bytes)) != nil
    else { return nil }
    return rewrite(bytes)
  }

  private mutating func rewrite(_ bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBufferPointer { rewrite($0) } }

  private mutating func rewrite(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var line: UInt32 = 1
    var column: UInt32 = 1
    var i = 0
    while i < bytes.count {
      if let code = Self.pair(in: bytes, at: i) {
        let digits = String(code, radix: 16)
        result.append(contentsOf: "\\U\(String(repeating: "0", count: 8 - digits.utf8.count))\(digits)".utf8)
        column += 10
        ends.append((line, column))
        i += 12
        continue
      }
      // An escaped backslash is copied whole, so that `\\ud83d` stays the text it is.
      let lineBreak = SourceText.breakWidth(bytes, at: i)
      let width = lineBreak > 0 ? lineBreak : bytes[i] == 0x5C && i + 1 < bytes.count ? 2 : 1
      result.append(contentsOf: bytes[i..<i + width])
      if lineBreak > 0 {
        line += 1
        column = 1
      } else if bytes[i] & 0xC0 != 0x80 {
        column += UInt32(width)
      }
      i += width
    }
    return result
  }

  /// The column in the file of a column in the respelled text: each pair before it was two characters longer.
  func original(line: UInt32, column: UInt32) -> UInt32 {
    if ends.isEmpty { return column }
    var low = 0
    var high = ends.count
    while low < high {
      let middle = (low + high) / 2
      if ends[middle].line < line { low = middle + 1 } else { high = middle }
    }
    var moved = column
    while low < ends.count, ends[low].line == line, ends[low].column <= column {
      moved += 2
      low += 1
    }
    return moved
  }

  private static func pair(in bytes: UnsafeBufferPointer<UInt8>, at i: Int) -> UInt32? {
    guard bytes[i] == 0x5C, i + 12 <= bytes.count, let high = unit(bytes[i..<i + 6]),
      let low = unit(bytes[(i + 6)..<(i + 12)]), (0xD800..<0xDC00).contains(high), (0xDC00..<0xE000).contains(low)
    else { return nil }
    return 0x10000 + (high - 0xD800) << 10 + (low - 0xDC00)
  }

  private static func unit(_ escape: Slice<UnsafeBufferPointer<UInt8>>) -> UInt32? {
    guard escape.starts(with: [0x5C, 0x75]) else { return nil }
    var value: UInt32 = 0
    for byte in escape.dropFirst(2) {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
      value = value << 4 | UInt32(digit)
    }
    return value
  }
}
