public import AstroCore

/// The JSON value in what a model said: models wrap it in a fence of Markdown, or in words, also when told not to.
public enum JSONAnswer {
  /// How many beginnings are tried, so that no answer takes long.
  private static let mostTrials = 64

  /// The whole text; else what is in the first fence that holds JSON; else the first object or list in it that is whole.
  /// `nil` when there is none.
  public static func find(in text: String) -> JSONValue? {
    let bytes = Array(text.utf8)
    if let value = try? JSONReader.parse(bytes) { return value }
    return fenced(bytes) ?? embedded(bytes)
  }

  private static func fenced(_ bytes: [UInt8]) -> JSONValue? {
    let fence = Array("```".utf8)
    var opening: Int?
    var index = 0
    while index + 3 <= bytes.count {
      guard bytes[index..<index + 3].elementsEqual(fence) else {
        index += 1
        continue
      }
      if let start = opening {
        // The rest of the first line names the language.
        let body = bytes[start..<index].drop { $0 != 0x0A }
        if let value = try? JSONReader.parse(Array(body)) { return value }
        opening = nil
      } else {
        opening = index + 3
      }
      index += 3
    }
    return nil
  }

  private static func embedded(_ bytes: [UInt8]) -> JSONValue? {
    var trials = 0
    var start = bytes.startIndex
    while let first = bytes[start...].firstIndex(where: { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "[") }),
      trials < mostTrials
    {
      trials += 1
      if let end = end(of: bytes, from: first), let value = try? JSONReader.parse(Array(bytes[first..<end])) {
        return value
      }
      start = first + 1
    }
    return nil
  }

  /// Behind the bracket that closes the first one.
  private static func end(of bytes: [UInt8], from start: Int) -> Int? {
    var depth = 0
    var isText = false
    var index = start
    while index < bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "\\") where isText: index += 1
      case UInt8(ascii: "\""): isText.toggle()
      case UInt8(ascii: "{") where !isText, UInt8(ascii: "[") where !isText: depth += 1
      case UInt8(ascii: "}") where !isText, UInt8(ascii: "]") where !isText:
        depth -= 1
        if depth == 0 { return index + 1 }
      default: break
      }
      index += 1
    }
    return nil
  }
}
