import AstroCore

/// The file named by `$ASTRO_OUTPUT`: lines `key=value`, or `key<<MARK`, any lines, and `MARK` alone. The
/// format of GitHub Actions' `$GITHUB_OUTPUT`; a key written twice has its last value. A line ends in LF or CR LF; the
/// lines before `MARK` are taken byte for byte.
public enum OutputFile {
  /// The most a file may hold, in bytes.
  public static let limit = 1 << 20

  /// Why a file is refused, in one sentence.
  public struct Malformed: Error, Equatable {
    public let message: String
  }

  public static func parse(_ bytes: [UInt8]) throws(Malformed) -> [String: String] {
    guard bytes.count <= limit else { throw Malformed(message: "$ASTRO_OUTPUT holds more than 1 MiB") }
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw Malformed(message: "$ASTRO_OUTPUT is not UTF-8")
    }
    var lines = Lines(bytes)
    var outputs: [String: String] = [:]
    while let line = lines.next() {
      if line.isEmpty { continue }
      let number = lines.number
      let key = line.prefix { $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: "<") }
      let rest = line[key.endIndex...]
      let isBlock = rest.starts(with: [0x3C, 0x3C]) && rest.count > 2
      guard isBlock || rest.first == UInt8(ascii: "=") else {
        throw malformed(number, "neither key=value nor key<<MARK")
      }
      guard isKey(key) else { throw malformed(number, "'\(shown(key))' is not a name") }
      if isBlock {
        let mark = rest.dropFirst(2)
        guard let block = lines.block(endingWith: mark) else {
          throw malformed(number, "'\(shown(mark))' never follows")
        }
        outputs[text(key)] = text(block)
      } else {
        outputs[text(key)] = text(rest.dropFirst())
      }
    }
    return outputs
  }

  /// Bytes, not characters: to Swift, CR LF is one character, and so is `=` with a combining accent after it.
  private struct Lines {
    private let bytes: [UInt8]
    /// Where the next line begins.
    private var position = 0
    private(set) var number = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func next() -> ArraySlice<UInt8>? {
      guard position < bytes.count else { return nil }
      number += 1
      let line = bytes[position...].prefix { $0 != 0x0A }
      position = line.endIndex + 1
      return line.last == 0x0D ? line.dropLast() : line
    }

    /// All up to the line `mark`, without the line end before it; nil when there is no such line.
    mutating func block(endingWith mark: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
      let start = position
      while position < bytes.count {
        let end = position
        if next()?.elementsEqual(mark) == true { return bytes[start..<max(start, end - 1)] }
      }
      return nil
    }
  }

  static func isKey(_ key: ArraySlice<UInt8>) -> Bool {
    guard let first = key.first, !(0x30...0x39).contains(first), first != 0x2D else { return false }
    return key.allSatisfy {
      (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x5F || $0 == 0x2D
    }
  }

  private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
  private static func shown(_ bytes: ArraySlice<UInt8>) -> String { Terminal.printable(text(bytes)) }
  private static func malformed(_ line: Int, _ flaw: String) -> Malformed {
    Malformed(message: "$ASTRO_OUTPUT, line \(line): \(flaw)")
  }
}
