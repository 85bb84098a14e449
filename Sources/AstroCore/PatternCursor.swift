/// Where one automaton is in one stream.
struct PatternCursor: Sendable {
  enum LineBreaks {
    /// Bytes as any other.
    case read
    /// Passed over inside a pattern, one at a time: base64(1) breaks its lines after 76 characters.
    case skipped
  }

  private let automaton: PatternAutomaton
  private let lineBreaks: LineBreaks
  private var state = PatternAutomaton.root
  /// Where bytes were passed over, in the order of the stream, as far as they may lie in a pattern.
  private var gaps: [Int] = []

  init(_ patterns: some Sequence<[UInt8]>, lineBreaks: LineBreaks) {
    automaton = PatternAutomaton(patterns, gaps: lineBreaks == .skipped ? [0x0A, 0x0D] : [])
    self.lineBreaks = lineBreaks
  }

  /// Reads `bytes` from `position` on, and adds what the patterns cover.
  mutating func read(_ bytes: UnsafeBufferPointer<UInt8>, from position: Int, into coverage: inout Coverage) {
    guard !automaton.isEmpty else { return }
    automaton.states.withUnsafeBufferPointer { states in
      automaton.first.withUnsafeBufferPointer { first in
        automaton.pairs.withUnsafeBufferPointer { pairs in
          var index = position
          while index < bytes.count {
            if state == PatternAutomaton.root {
              index = Self.skip(bytes, from: index, pairs)
              if index == bytes.count { return }
            }
            let byte = bytes[index]
            if lineBreaks == .skipped, state != PatternAutomaton.root, passOver(byte, at: index, in: bytes) {
              index += 1
              continue
            }
            state = PatternAutomaton.next(after: state, byte, states, first) { automaton.branch($0, $1) }
            index += 1
            let match = Int(states[Int(state)].match)
            if match > 0 { coverage.add(start(of: match, endingAt: index)..<index) }
          }
        }
      }
    }
  }

  /// The first place at which a pattern may begin; of the last byte that is not known.
  @inline(__always)
  private static func skip(
    _ bytes: UnsafeBufferPointer<UInt8>, from position: Int, _ pairs: UnsafeBufferPointer<UInt64>
  ) -> Int {
    var pair = Int(bytes[position])
    for index in position &+ 1..<bytes.count {
      pair = (pair &<< 8 | Int(bytes[index])) & 0xFFFF
      if pairs[pair &>> 6] &>> UInt64(pair & 63) & 1 != 0 { return index &- 1 }
    }
    return bytes.count - 1
  }

  /// Whether the byte belongs to a line break that may lie in a pattern: CR, LF, or CR LF, but no empty line.
  private mutating func passOver(_ byte: UInt8, at index: Int, in bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    guard byte == 0x0A || byte == 0x0D else { return false }
    if gaps.last == index - 1 {
      guard byte == 0x0A, bytes[index - 1] == 0x0D else {
        reset()
        return false
      }
    }
    gaps.append(index)
    return true
  }

  /// Where the last `length` bytes before `end` begin that were not passed over. By bisection: a stream of matches full of
  /// gaps would else cost their product.
  private func start(of length: Int, endingAt end: Int) -> Int {
    if gaps.isEmpty { return end - length }
    // Counted without the gaps, gap i lies before byte gaps[i] - i.
    let target = end - gaps.count - length
    var (low, high) = (0, gaps.count)
    while low < high {
      let middle = (low + high) / 2
      if gaps[middle] - middle <= target { low = middle + 1 } else { high = middle }
    }
    return target + low
  }

  /// How many bytes before `end` may belong to a pattern that has not ended yet.
  mutating func undecided(before end: Int) -> Int {
    guard !automaton.isEmpty else { return 0 }
    state = automaton.settled(state)
    let depth = Int(automaton.states[Int(state)].depth)
    guard depth > 0 else {
      gaps.removeAll()
      return 0
    }
    let begin = start(of: depth, endingAt: end)
    gaps.removeAll { $0 < begin }
    return end - begin
  }

  /// The first `count` bytes of what is held are gone.
  mutating func forget(_ count: Int) { for index in gaps.indices { gaps[index] -= count } }

  mutating func reset() {
    state = PatternAutomaton.root
    gaps.removeAll()
  }
}

/// Ranges in order, no two of them touching.
struct Coverage: Sendable {
  private(set) var ranges: [Range<Int>] = []

  /// - Parameter range: ends after all that were added before.
  mutating func add(_ range: Range<Int>) {
    var start = range.lowerBound
    while let last = ranges.last, last.upperBound >= start {
      start = min(start, last.lowerBound)
      ranges.removeLast()
    }
    ranges.append(start..<range.upperBound)
  }

  /// Takes in another one.
  mutating func formUnion(_ other: Coverage) {
    guard !other.ranges.isEmpty else { return }
    guard !ranges.isEmpty else { return ranges = other.ranges }
    let all = (ranges + other.ranges).sorted { $0.lowerBound < $1.lowerBound }
    ranges.removeAll(keepingCapacity: true)
    for range in all {
      if let last = ranges.last, last.upperBound >= range.lowerBound {
        ranges[ranges.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        ranges.append(range)
      }
    }
  }

  /// Drops the first `count` ranges and moves the others towards the beginning.
  mutating func drop(first count: Int, shiftingBy distance: Int) {
    ranges.removeFirst(count)
    if distance > 0 { ranges = ranges.map { $0.lowerBound - distance..<$0.upperBound - distance } }
  }
}
