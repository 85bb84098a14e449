/// The lines of a file, for showing them and for finding places in them. Lines end where libyaml ends them: LF, CR, CRLF,
/// NEL, LS and PS, so that numbers agree with its marks.
struct SourceText {
  /// Longer lines are not shown: thousands of errors in one line of JSON must not copy it thousands of times.
  static let longestShownLine = 16_384

  let bytes: [UInt8]
  /// Where each line begins.
  private let starts: [Int]
  private var lastShown: (number: Int, text: String)?

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    starts = bytes.withUnsafeBufferPointer(Self.lineStarts)
  }

  /// How many lines there are, the one after the last break counted.
  var count: Int { starts.count }

  private static func lineStarts(_ bytes: UnsafeBufferPointer<UInt8>) -> [Int] {
    var starts = [bytes.starts(with: UTF8Text.byteOrderMark) ? 3 : 0]
    var i = 0
    while i < bytes.count {
      let width = breakWidth(bytes, at: i)
      i += max(width, 1)
      if width > 0 { starts.append(i) }
    }
    return starts
  }

  /// How many bytes the line break at `i` has; 0 when there is none.
  static func breakWidth(_ bytes: UnsafeBufferPointer<UInt8>, at i: Int) -> Int {
    func byte(_ offset: Int) -> UInt8 { i + offset < bytes.count ? bytes[i + offset] : 0 }
    switch bytes[i] {
    case 0x0A: return 1
    case 0x0D: return byte(1) == 0x0A ? 2 : 1
    case 0xC2: return byte(1) == 0x85 ? 2 : 0
    case 0xE2: return byte(1) == 0x80 && (byte(2) == 0xA8 || byte(2) == 0xA9) ? 3 : 0
    default: return 0
    }
  }

  /// The bytes of line `number` (1-based) without its break; empty past the end.
  func line(_ number: Int) -> ArraySlice<UInt8> {
    guard number >= 1, number <= starts.count else { return [] }
    let start = starts[number - 1]
    guard number < starts.count else { return bytes[start...] }
    var end = starts[number]
    bytes.withUnsafeBufferPointer { all in
      var candidate = end - 1
      while candidate >= max(start, end - 3) {
        if Self.breakWidth(all, at: candidate) == end - candidate { break }
        candidate -= 1
      }
      // A CRLF is found from its LF first: step over the CR before it.
      if candidate > start, all[candidate] == 0x0A, all[candidate - 1] == 0x0D { candidate -= 1 }
      end = max(candidate, start)
    }
    return bytes[start..<end]
  }

  /// The text of a line as it is shown; one storage for all diagnostics of the same line.
  mutating func shown(_ number: Int) -> String {
    if let lastShown, lastShown.number == number { return lastShown.text }
    let line = line(number)
    let text = line.count > Self.longestShownLine ? "" : String(decoding: line, as: UTF8.self)
    lastShown = (number, text)
    return text
  }

  /// Line and column (1-based, scalars) of a byte.
  func place(ofByte offset: Int) -> (line: Int, column: Int) {
    var low = 0
    var high = starts.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if starts[middle] <= offset { low = middle } else { high = middle }
    }
    let prefix = bytes[min(starts[low], offset)..<min(offset, bytes.count)]
    return (low + 1, prefix.count(where: { $0 & 0xC0 != 0x80 }) + 1)
  }

  /// Where column `column` of line `line` is in ``bytes``.
  func offset(line number: Int, column: Int) -> Int {
    let text = line(number)
    var rest = column - 1
    for index in text.indices where text[index] & 0xC0 != 0x80 {
      if rest == 0 { return index }
      rest -= 1
    }
    return text.endIndex
  }
}
