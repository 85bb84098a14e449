import AstroCore

/// One line of what a program printed; empty ones are none.
struct PrintedLine: Equatable {
  /// From 1.
  let number: Int
  let text: String

  static func lines(of bytes: [UInt8]) throws(MalformedResult) -> [PrintedLine] {
    var lines: [PrintedLine] = []
    for (index, line) in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
      guard let text = String(validating: line, as: UTF8.self) else {
        throw MalformedResult(line: index + 1, "it is not UTF-8")
      }
      if line.contains(where: { $0 > 0x20 }) { lines.append(PrintedLine(number: index + 1, text: text)) }
    }
    return lines
  }
}
