/// The requests of a batch file in memory, one after the other, as they stand there; blank lines are passed over.
public struct BatchLines: Sequence, IteratorProtocol, Sendable {
  private let bytes: [UInt8]
  private var start = 0
  private var number = 0

  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The next line with its number in the file, from 1, without its newline.
  public mutating func next() -> (number: Int, text: ArraySlice<UInt8>)? {
    while start < bytes.count {
      let end = bytes[start...].firstIndex(of: 0x0A) ?? bytes.endIndex
      let text = bytes[start..<end]
      start = end + 1
      number += 1
      if !BatchLine.isBlank(text) { return (number, text) }
    }
    return nil
  }
}
