/// One step of a compiled pattern.
enum PatternInstruction: Sendable {
  /// Takes one scalar of the set.
  case one(PatternSet)
  case jump(Int)
  case either(Int, Int)
  case assert(PatternAssertion)
  case end
}

enum PatternAssertion: Sendable {
  case start, end, wordBoundary, noWordBoundary

  func holds(in text: [Unicode.Scalar], at position: Int) -> Bool {
    switch self {
    case .start: return position == 0
    case .end: return position == text.count
    case .wordBoundary, .noWordBoundary:
      let before = position > 0 && PatternSet.word.contains(text[position - 1])
      let after = position < text.count && PatternSet.word.contains(text[position])
      return (before != after) == (self == .wordBoundary)
    }
  }
}

/// Some of the scalars.
struct PatternSet: Sendable {
  var ranges: [ClosedRange<UInt32>]
  var isNegated = false

  func contains(_ scalar: Unicode.Scalar) -> Bool { ranges.contains { $0.contains(scalar.value) } != isNegated }

  static let digit = PatternSet(ranges: [0x30...0x39])
  static let word = PatternSet(ranges: [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
  static let space = PatternSet(ranges: [0x09...0x0D, 0x20...0x20])
  /// `.`: everything but the ends of lines.
  static let dot = PatternSet(ranges: [0x0A...0x0A, 0x0D...0x0D, 0x2028...0x2029], isNegated: true)

  static func only(_ scalar: Unicode.Scalar) -> PatternSet { PatternSet(ranges: [scalar.value...scalar.value]) }

  /// The ranges of what is in the set, also when it was written as what is not.
  var positive: [ClosedRange<UInt32>] {
    guard isNegated else { return ranges }
    var result: [ClosedRange<UInt32>] = []
    var next: UInt32 = 0
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if range.lowerBound > next { result.append(next...range.lowerBound - 1) }
      next = max(next, range.upperBound + 1)
    }
    if next <= 0x10FFFF { result.append(next...0x10FFFF) }
    return result
  }
}

/// The tree of a pattern.
indirect enum PatternNode {
  case nothing
  case one(PatternSet)
  case assert(PatternAssertion)
  case sequence([PatternNode])
  case choice([PatternNode])
  /// `nil`: without end.
  case repeated(PatternNode, least: Int, most: Int?)
}

/// Writes a tree as instructions.
struct PatternWriter {
  /// Repetitions are written out, so that `(((a{99}){99}){99})` is a million instructions; it is refused instead.
  static let longest = 2000

  private var instructions: [PatternInstruction] = []
  private var work = 0

  mutating func program(of node: PatternNode) throws(PatternError) -> [PatternInstruction] {
    try write(node)
    instructions.append(.end)
    return instructions
  }

  private mutating func write(_ node: PatternNode) throws(PatternError) {
    work += 1
    guard work <= Self.longest else {
      throw PatternError(message: "its repetitions are too many to write out", offset: 0)
    }
    switch node {
    case .nothing: break
    case .one(let set): instructions.append(.one(set))
    case .assert(let assertion): instructions.append(.assert(assertion))
    case .sequence(let nodes): for node in nodes { try write(node) }
    case .choice(let nodes): try writeChoice(nodes)
    case .repeated(let node, let least, let most):
      for _ in 0..<least { try write(node) }
      if let most {
        for _ in least..<most { try writeOptional(node) }
      } else {
        let start = instructions.count
        try writeOptional(node) { $0.instructions.append(.jump(start)) }
      }
    }
  }

  private mutating func writeChoice(_ nodes: [PatternNode]) throws(PatternError) {
    var ends: [Int] = []
    for (index, node) in nodes.enumerated() {
      guard index < nodes.count - 1 else {
        try write(node)
        break
      }
      try writeOptional(node) {
        ends.append($0.instructions.count)
        $0.instructions.append(.jump(0))
      }
    }
    for end in ends { instructions[end] = .jump(instructions.count) }
  }

  /// The node, or what follows it. `after` writes what belongs to the node's end.
  private mutating func writeOptional(
    _ node: PatternNode, after: (inout PatternWriter) -> Void = { _ in }
  ) throws(PatternError) {
    let start = instructions.count
    instructions.append(.jump(0))
    try write(node)
    after(&self)
    instructions[start] = .either(start + 1, instructions.count)
  }
}
