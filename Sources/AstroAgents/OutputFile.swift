import AstroCore

/// The file named by `$ASTRO_OUTPUT` (contract 3): lines `key=value`, or `key<<MARK`, any lines, and `MARK` alone. The
/// format of GitHub Actions' `$GITHUB_OUTPUT`; a key written twice has its last value.
public enum OutputFile {
  /// The most a file may hold, in bytes.
  public static let limit = 1 << 20

  /// Why a file is refused, in one sentence.
  public struct Malformed: Error, Equatable {
    public let message: String
  }

  public static func parse(_ bytes: [UInt8]) throws(Malformed) -> [String: String] {
    guard bytes.count <= limit else {
      throw Malformed(message: "$ASTRO_OUTPUT holds more than 1 MiB")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Malformed(message: "$ASTRO_OUTPUT is not UTF-8")
    }
    var outputs: [String: String] = [:]
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)[...]
    var number = 0
    while let line = lines.popFirst() {
      number += 1
      if line.isEmpty { continue }
      guard let mark = line.firstIndex(where: { $0 == "=" || $0 == "<" }) else {
        throw Malformed(message: "$ASTRO_OUTPUT, line \(number): neither key=value nor key<<MARK")
      }
      let key = String(line[..<mark])
      guard isKey(key) else {
        throw Malformed(message: "$ASTRO_OUTPUT, line \(number): '\(Terminal.printable(key))' is not a name")
      }
      if line[mark] == "=" {
        outputs[key] = String(line[line.index(after: mark)...])
        continue
      }
      let rest = line[mark...]
      guard rest.hasPrefix("<<"), rest.count > 2 else {
        throw Malformed(message: "$ASTRO_OUTPUT, line \(number): neither key=value nor key<<MARK")
      }
      let end = rest.dropFirst(2)
      guard let last = lines.firstIndex(of: end) else {
        throw Malformed(message: "$ASTRO_OUTPUT, line \(number): '\(Terminal.printable(String(end)))' never follows")
      }
      outputs[key] = lines[..<last].joined(separator: "\n")
      number += last - lines.startIndex + 1
      lines = lines[(last + 1)...]
    }
    return outputs
  }

  private static func isKey(_ key: String) -> Bool {
    guard let first = key.utf8.first, !(0x30...0x39).contains(first), first != 0x2D else { return false }
    return key.utf8.allSatisfy {
      (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x5F || $0 == 0x2D
    }
  }
}
