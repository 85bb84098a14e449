import AstroCore

/// Names one value in a JSON text: `data[0].id`, `["a key"].b`, `[2]`. Members and places only, no search.
struct JSONPath: Sendable, Equatable {
  enum Step: Sendable, Equatable {
    case member(String)
    case place(Int)
  }

  let text: String
  let steps: [Step]

  /// `nil` when the text is no path.
  init?(_ text: String) {
    var rest = Array(text.utf8)[...]
    var steps: [Step] = []
    while !rest.isEmpty {
      if rest.first == UInt8(ascii: "[") {
        guard let step = Self.bracket(&rest) else { return nil }
        steps.append(step)
      } else {
        if !steps.isEmpty, rest.popFirst() != UInt8(ascii: ".") { return nil }
        let name = rest.prefix { $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: "[") && $0 != UInt8(ascii: "]") }
        guard !name.isEmpty else { return nil }
        steps.append(.member(String(decoding: name, as: UTF8.self)))
        rest = rest[name.endIndex...]
      }
    }
    guard !steps.isEmpty else { return nil }
    self.text = text
    self.steps = steps
  }

  /// `[0]`, or `["key"]` with the key as a JSON string.
  private static func bracket(_ rest: inout ArraySlice<UInt8>) -> Step? {
    rest.removeFirst()
    if rest.first == UInt8(ascii: "\"") {
      var end = rest.startIndex + 1
      while end < rest.endIndex, rest[end] != UInt8(ascii: "\"") { end += rest[end] == UInt8(ascii: "\\") ? 2 : 1 }
      guard end + 1 < rest.endIndex, rest[end + 1] == UInt8(ascii: "]"),
        case .string(let key)? = try? JSONReader.parse(Array(rest[...end]))
      else { return nil }
      rest = rest[(end + 2)...]
      return .member(key)
    }
    let digits = rest.prefix { (0x30...0x39).contains($0) }
    guard let place = Int(String(decoding: digits, as: UTF8.self)), digits.endIndex < rest.endIndex,
      rest[digits.endIndex] == UInt8(ascii: "]")
    else { return nil }
    rest = rest[(digits.endIndex + 1)...]
    return .place(place)
  }

  /// `nil` when there is nothing at it. `null` is something.
  func value(in root: JSONValue) -> JSONValue? {
    steps.reduce(root) { value, step in
      switch (value, step) {
      case (.map(let members)?, .member(let name)): members[name]
      case (.list(let items)?, .place(let index)) where index < items.count: items[index]
      default: nil
      }
    }
  }
}
