/// What another side said that is no message: passed over, up to a bound between two messages. Servers print greetings and
/// warnings where only messages belong, and speak properly after it.
public struct Noise: Sendable, Equatable {
  /// The most that is passed over between two messages.
  public static let mostLines = 1000
  public static let mostBytes = 1 << 20

  /// All such lines so far.
  public private(set) var lines = 0
  /// The last of them, its first 4 KiB.
  public private(set) var last = ""
  /// Those since the last message.
  private(set) var linesInARow = 0
  private var bytesInARow = 0

  public init() {}

  /// - Returns: false when that was too much.
  mutating func count(_ line: ArraySlice<UInt8>) -> Bool {
    // A newline more is not worth a word.
    if line.isEmpty { return true }
    lines += 1
    linesInARow += 1
    bytesInARow += line.count
    last = String(decoding: line.prefix(4096), as: UTF8.self)
    return linesInARow <= Self.mostLines && bytesInARow <= Self.mostBytes
  }

  /// A message came.
  mutating func interrupt() { (linesInARow, bytesInARow) = (0, 0) }
}
