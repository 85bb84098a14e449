/// Reads a pattern: recursive descent, one level a parenthesis, at most ``deepest``.
struct PatternParser {
  static let deepest = 32
  static let mostRepetitions = 1000

  private let scalars: [Unicode.Scalar]
  private var position = 0
  private var depth = 0

  init(_ text: String) { scalars = Array(text.unicodeScalars) }

  mutating func whole() throws(PatternError) -> PatternNode {
    let node = try choice()
    if position < scalars.count { throw failure("')' closes nothing") }
    return node
  }

  private var peek: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard peek == scalar else { return false }
    position += 1
    return true
  }

  private func failure(_ message: String, at place: Int? = nil) -> PatternError {
    let before = scalars[..<min(place ?? position, scalars.count)]
    return PatternError(message: message, offset: before.reduce(0) { $0 + UTF8.width($1) })
  }

  private mutating func choice() throws(PatternError) -> PatternNode {
    var branches: [PatternNode] = []
    repeat {
      var parts: [PatternNode] = []
      while let next = peek, next != "|", next != ")" { parts.append(try repetition()) }
      branches.append(.sequence(parts))
    } while take("|")
    return branches.count == 1 ? branches[0] : .choice(branches)
  }

  private mutating func repetition() throws(PatternError) -> PatternNode {
    let start = position
    var node = try atom()
    while let (least, most) = try quantifier() {
      if case .assert = node { throw failure("there is nothing to repeat", at: start) }
      node = .repeated(node, least: least, most: most)
    }
    return node
  }

  private mutating func quantifier() throws(PatternError) -> (least: Int, most: Int?)? {
    let found: (Int, Int?)
    switch peek {
    case "*": found = (0, nil)
    case "+": found = (1, nil)
    case "?": found = (0, 1)
    case "{": return try counted()
    default: return nil
    }
    position += 1
    _ = take("?")  // a lazy repetition matches the same texts
    return found
  }

  private mutating func counted() throws(PatternError) -> (least: Int, most: Int?) {
    let start = position
    position += 1
    guard let least = number() else {
      throw failure("'{' must be written '\\{' or begin a count such as {2,4}", at: start)
    }
    var most: Int? = least
    if take(",") { most = number() }
    guard take("}") else { throw failure("'{' has no closing '}'", at: start) }
    guard least <= Self.mostRepetitions, (most ?? 0) <= Self.mostRepetitions else {
      throw failure("a count is at most \(Self.mostRepetitions)", at: start)
    }
    if let most, most < least { throw failure("the count's end is less than its beginning", at: start) }
    _ = take("?")
    return (least, most)
  }

  private mutating func number() -> Int? {
    var value: Int?
    while let digit = peek, ("0"..."9").contains(digit) {
      value = min((value ?? 0) * 10 + Int(digit.value - 0x30), Self.mostRepetitions + 1)
      position += 1
    }
    return value
  }

  private mutating func atom() throws(PatternError) -> PatternNode {
    let start = position
    let scalar = scalars[position]
    position += 1
    switch scalar {
    case "(": return try group(from: start)
    case "[": return .one(try bracket(from: start))
    case ".": return .one(.dot)
    case "^": return .assert(.start)
    case "$": return .assert(.end)
    case "\\": return try escape(from: start)
    case "*", "+", "?": throw failure("there is nothing to repeat before '\(scalar)'", at: start)
    case "{": throw failure("'{' must be written '\\{' or follow what is counted", at: start)
    default: return .one(.only(scalar))
    }
  }

  private mutating func group(from start: Int) throws(PatternError) -> PatternNode {
    if take("?"), !take(":") {
      throw failure("'(?' can only begin '(?:': what looks ahead or back is not supported", at: start)
    }
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.deepest else { throw failure("it is nested more than \(Self.deepest) levels deep", at: start) }
    let node = try choice()
    guard take(")") else { throw failure("'(' has no closing ')'", at: start) }
    return node
  }

  private mutating func escape(from start: Int) throws(PatternError) -> PatternNode {
    switch peek {
    case "b": position += 1; return .assert(.wordBoundary)
    case "B": position += 1; return .assert(.noWordBoundary)
    case .some("1"..."9"): throw failure("a reference to a group is not supported", at: start)
    default: return .one(try escapedSet(from: start))
    }
  }

  /// What follows a backslash, also between brackets.
  private mutating func escapedSet(from start: Int) throws(PatternError) -> PatternSet {
    guard let scalar = peek else { throw failure("'\\' at the end escapes nothing", at: start) }
    position += 1
    switch scalar {
    case "d": return .digit
    case "w": return .word
    case "s": return .space
    case "D": return PatternSet(ranges: PatternSet.digit.ranges, isNegated: true)
    case "W": return PatternSet(ranges: PatternSet.word.ranges, isNegated: true)
    case "S": return PatternSet(ranges: PatternSet.space.ranges, isNegated: true)
    case "n": return .only("\n")
    case "t": return .only("\t")
    case "r": return .only("\r")
    case "x": return .only(try hexadecimal(2, from: start))
    case "u": return .only(try hexadecimal(4, from: start))
    case "0"..."9", "a"..."z", "A"..."Z": throw failure("'\\\(scalar)' is not known", at: start)
    default: return .only(scalar)
    }
  }

  private mutating func hexadecimal(_ count: Int, from start: Int) throws(PatternError) -> Unicode.Scalar {
    let digits = String(String.UnicodeScalarView(scalars[position..<min(position + count, scalars.count)]))
    guard digits.utf8.count == count, digits.allSatisfy(\.isHexDigit), let code = UInt32(digits, radix: 16),
      let scalar = Unicode.Scalar(code)
    else { throw failure("\(count) hexadecimal digits of a character are expected", at: start) }
    position += count
    return scalar
  }

  private mutating func bracket(from start: Int) throws(PatternError) -> PatternSet {
    var set = PatternSet(ranges: [], isNegated: take("^"))
    while !take("]") {
      guard peek != nil else { throw failure("'[' has no closing ']'", at: start) }
      let first = try member()
      guard peek == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else {
        set.ranges += first.positive
        continue
      }
      let place = position
      position += 1
      let last = try member()
      guard first.isSingle, last.isSingle, first.ranges[0].lowerBound <= last.ranges[0].lowerBound else {
        throw failure("a range goes from one character to a later one", at: place)
      }
      set.ranges.append(first.ranges[0].lowerBound...last.ranges[0].lowerBound)
    }
    return set
  }

  private mutating func member() throws(PatternError) -> PatternSet {
    let start = position
    let scalar = scalars[position]
    position += 1
    return scalar == "\\" ? try escapedSet(from: start) : .only(scalar)
  }
}

extension PatternSet {
  fileprivate var isSingle: Bool { !isNegated && ranges.count == 1 && ranges[0].lowerBound == ranges[0].upperBound }
}
