/// Finds every occurrence of many byte strings in one pass: A. V. Aho and M. J. Corasick, CACM 18 (1975) 333. Linear in
/// the text and in the patterns, whatever they are.
///
/// A pattern's states lie one after the other, so that a state needs no table of its own: its first child is the state
/// after it, and only where patterns part is there an entry in ``branches``. 16 bytes a pattern byte at most.
struct PatternAutomaton: Sendable {
  struct State: Sendable {
    /// How long the text is that leads here: so much of the end of what was read may be the beginning of a pattern.
    var depth: Int32
    /// The state of the longest proper suffix of that text.
    var fallback: Int32 = 0
    /// The length of the longest pattern that ends here; 0 when none does.
    var match: Int32 = 0
    /// The byte that leads here from the state before it.
    var label: UInt8
    var hasFirstChild = false
    var hasBranches = false
  }

  static let root: Int32 = 0

  private(set) var states: [State]
  /// The other children, by state and byte.
  private var branches: [UInt64: Int32] = [:]
  /// What each byte leads to from the root.
  private(set) var first = [Int32](repeating: 0, count: 256)
  /// One bit for each pair of bytes with which a pattern begins: most of a text is passed over by it.
  private(set) var pairs = [UInt64](repeating: 0, count: 1024)

  /// - Parameters:
  ///   - patterns: of two bytes or more; shorter ones are left out.
  ///   - gaps: bytes that may come between any two of a pattern's; see ``PatternCursor``.
  init(_ patterns: some Sequence<[UInt8]>, gaps: [UInt8] = []) {
    states = [State(depth: 0, label: 0)]
    var parents: [Int32] = [0]
    for pattern in patterns where pattern.count >= 2 {
      insert(pattern, &parents)
      for second in [pattern[1]] + gaps {
        let pair = Int(pattern[0]) << 8 | Int(second)
        pairs[pair >> 6] |= 1 << UInt64(pair & 63)
      }
    }
    linkFallbacks(parents)
  }

  var isEmpty: Bool { states.count == 1 }

  private mutating func insert(_ pattern: [UInt8], _ parents: inout [Int32]) {
    var state = Self.root
    for byte in pattern {
      let known = child(of: state, byte)
      if known != Self.root {
        state = known
        continue
      }
      let new = Int32(states.count)
      states.append(State(depth: states[Int(state)].depth + 1, label: byte))
      parents.append(state)
      if state == Self.root {
        first[Int(byte)] = new
      } else if new == state + 1 {
        states[Int(state)].hasFirstChild = true
      } else {
        states[Int(state)].hasBranches = true
        branches[Self.key(state, byte)] = new
      }
      state = new
    }
    states[Int(state)].match = Int32(pattern.count)
  }

  /// Shorter texts first, so that the fallback of a parent is known.
  private mutating func linkFallbacks(_ parents: [Int32]) {
    var starts = [Int](repeating: 0, count: Int(states.lazy.map(\.depth).max() ?? 0) + 2)
    for state in states { starts[Int(state.depth) + 1] += 1 }
    for depth in starts.indices.dropFirst() { starts[depth] += starts[depth - 1] }
    var order = [Int](repeating: 0, count: states.count)
    for (index, state) in states.enumerated() {
      order[starts[Int(state.depth)]] = index
      starts[Int(state.depth)] += 1
    }
    for index in order where states[index].depth > 1 {
      let parent = Int(parents[index])
      let fallback = next(after: states[parent].fallback, states[index].label)
      states[index].fallback = fallback
      states[index].match = max(states[index].match, states[Int(fallback)].match)
    }
  }

  private static func key(_ state: Int32, _ byte: UInt8) -> UInt64 { UInt64(state) << 8 | UInt64(byte) }

  /// ``root`` when there is none.
  private func child(of state: Int32, _ byte: UInt8) -> Int32 {
    if state == Self.root { return first[Int(byte)] }
    let known = states[Int(state)]
    if known.hasFirstChild, states[Int(state) + 1].label == byte { return state + 1 }
    return known.hasBranches ? branches[Self.key(state, byte)] ?? Self.root : Self.root
  }

  /// The state after one more byte.
  func next(after state: Int32, _ byte: UInt8) -> Int32 {
    var state = state
    while true {
      let child = child(of: state, byte)
      if child != Self.root || state == Self.root { return child }
      state = states[Int(state)].fallback
    }
  }

  /// As ``next(after:_:)``, over memory whose bounds are known to hold.
  @inline(__always)
  static func next(
    after state: Int32, _ byte: UInt8, _ states: UnsafeBufferPointer<State>, _ first: UnsafeBufferPointer<Int32>,
    _ branch: (Int32, UInt8) -> Int32
  ) -> Int32 {
    var state = state
    while state != root {
      let known = states[Int(state)]
      if known.hasFirstChild, states[Int(state) + 1].label == byte { return state + 1 }
      if known.hasBranches {
        let child = branch(state, byte)
        if child != root { return child }
      }
      state = known.fallback
    }
    return first[Int(byte)]
  }

  func branch(_ state: Int32, _ byte: UInt8) -> Int32 { branches[Self.key(state, byte)] ?? Self.root }

  /// The state that is as good as `state` for what follows: one from which nothing goes on is its fallback.
  func settled(_ state: Int32) -> Int32 {
    var state = state
    while state != Self.root, !states[Int(state)].hasFirstChild, !states[Int(state)].hasBranches {
      state = states[Int(state)].fallback
    }
    return state
  }
}
