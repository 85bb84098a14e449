/// A regular expression of a parameter or a schema: what ECMA-262 and others have in common, without what needs
/// backtracking.
/// `\d` and its kin are ASCII; an unanchored pattern may match anywhere; `$` is the very end.
///
/// Matching takes time in proportion to pattern and text, whatever they are (K. Thompson, CACM 11 (1968) 419): with a
/// backtracking matcher one file such as `pattern: '(a+)+$'` would stop a runner that others wait for.
public struct TextPattern: Sendable {
  /// In bytes.
  public static let longest = 256
  /// In bytes too.
  public static let longestText = 65_536

  private let program: [PatternInstruction]

  /// - Throws: what is wrong with the text, for a diagnostic.
  public init(_ text: String) throws(PatternError) {
    guard text.utf8.count <= Self.longest else {
      throw PatternError(message: "it is longer than \(Self.longest) bytes", offset: 0)
    }
    var parser = PatternParser(text)
    var writer = PatternWriter()
    program = try writer.program(of: parser.whole())
  }

  /// Texts past ``longestText`` match nothing.
  public func matches(_ text: String) -> Bool {
    guard text.utf8.count <= Self.longestText else { return false }
    var search = PatternSearch(program: program, text: Array(text.unicodeScalars))
    return search.finds()
  }
}

/// What is wrong with a pattern.
public struct PatternError: Error, Sendable, Equatable {
  public var message: String
  /// In bytes.
  public var offset: Int
}

/// Walks the text once, in all states the program can be in at the same time.
private struct PatternSearch {
  let program: [PatternInstruction]
  let text: [Unicode.Scalar]
  private var current: [Int] = []
  private var next: [Int] = []
  /// The position for which an instruction was last added, so that loops without a character end.
  private var addedAt: [Int]
  private var stack: [Int] = []

  init(program: [PatternInstruction], text: [Unicode.Scalar]) {
    self.program = program
    self.text = text
    addedAt = Array(repeating: -1, count: program.count)
  }

  mutating func finds() -> Bool {
    for position in 0...text.count {
      if position > 0, step(over: text[position - 1], to: position) { return true }
      // A match may begin at any place.
      if follow(from: 0, at: position) { return true }
    }
    return false
  }

  /// `true` when the end of the pattern is reached.
  private mutating func step(over scalar: Unicode.Scalar, to position: Int) -> Bool {
    swap(&current, &next)
    next.removeAll(keepingCapacity: true)
    for instruction in current {
      guard case .one(let set) = program[instruction], set.contains(scalar) else { continue }
      if follow(from: instruction + 1, at: position) { return true }
    }
    return false
  }

  /// Adds what can be reached without a character. `true` when that is the end of the pattern.
  private mutating func follow(from start: Int, at position: Int) -> Bool {
    stack.append(start)
    while let instruction = stack.popLast() {
      guard addedAt[instruction] != position else { continue }
      addedAt[instruction] = position
      switch program[instruction] {
      case .one: next.append(instruction)
      case .jump(let target): stack.append(target)
      case .either(let first, let second): stack += [second, first]
      case .assert(let assertion) where assertion.holds(in: text, at: position): stack.append(instruction + 1)
      case .assert: break
      case .end:
        stack.removeAll()
        return true
      }
    }
    return false
  }
}
