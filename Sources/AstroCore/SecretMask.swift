/// Replaces secrets in a stream of bytes by `***`, wherever the stream is cut.
///
/// Covered is every occurrence of a spelling of a secret (see ``SecretSpellings``); each longest run of covered bytes
/// becomes one `***`. What is given out depends on the stream alone, never on how it came. Linear in the stream.
public struct SecretMask: Sendable {
  /// Shorter secrets, and shorter lines of them, would shred what is read by people: they are not masked, and whoever
  /// takes secrets in refuses them. In bytes.
  public static let shortest = 8
  public static let mark = Array("***".utf8)

  private var literal: PatternCursor
  private var encoded: PatternCursor
  /// Of what has been read, the end that may still turn out to be a secret: at most the longest spelling, less one byte
  /// and more the line breaks in it.
  private var held: [UInt8] = []
  /// What of it is covered and has no mark yet.
  private var coverage = Coverage()
  /// How far into it the mark reaches that was given out last; -1 when it ended before.
  private var marked = -1

  public init(secrets: [String]) {
    let spellings = SecretSpellings(secrets)
    literal = PatternCursor(spellings.literal, lineBreaks: .read)
    encoded = PatternCursor(spellings.base64, lineBreaks: .skipped)
  }

  /// Takes the next bytes of the stream.
  /// - Returns: all that is decided now.
  public mutating func mask(_ bytes: some Sequence<UInt8>) -> [UInt8] {
    let start = held.count
    held.append(contentsOf: bytes)
    return decide(from: start)
  }

  /// The same, as fast for other rooms as for this one.
  public mutating func mask(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    let start = held.count
    held.append(contentsOf: bytes)
    return decide(from: start)
  }

  private mutating func decide(from start: Int) -> [UInt8] {
    guard held.count > start else { return [] }
    var more = Coverage()
    held.withUnsafeBufferPointer { held in
      literal.read(held, from: start, into: &coverage)
      encoded.read(held, from: start, into: &more)
    }
    coverage.formUnion(more)
    let end = held.count
    return give(upTo: end - max(literal.undecided(before: end), encoded.undecided(before: end)))
  }

  /// The stream has ended: the rest of it. Ready for another one then.
  public mutating func finish() -> [UInt8] {
    defer {
      literal.reset()
      encoded.reset()
      marked = -1
    }
    return give(upTo: held.count)
  }

  /// The whole of a text.
  public mutating func masked(_ bytes: some Sequence<UInt8>) -> [UInt8] {
    let most = mask(bytes)
    return most + finish()
  }

  private mutating func give(upTo limit: Int) -> [UInt8] {
    guard limit > 0 else { return [] }
    var output: [UInt8] = []
    output.reserveCapacity(limit)
    var position = min(max(marked, 0), limit)
    var done = 0
    for range in coverage.ranges {
      guard range.lowerBound < limit else { break }
      done += 1
      if range.lowerBound > marked {
        output += held[position..<range.lowerBound]
        output += Self.mark
      }
      marked = max(marked, range.upperBound)
      position = min(marked, limit)
    }
    output += held[position..<limit]
    forget(limit, ranges: done)
    return output
  }

  private mutating func forget(_ count: Int, ranges: Int) {
    coverage.drop(first: ranges, shiftingBy: count)
    literal.forget(count)
    encoded.forget(count)
    marked = max(-1, marked - count)
    held.removeFirst(count)
    // A burst must not hold its memory for the life of the stream.
    if held.capacity > 1 << 20, held.count < 1 << 16 { held = Array(held) }
  }
}
