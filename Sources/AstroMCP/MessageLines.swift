/// Cuts what arrives into lines, none longer than a bound.
struct MessageLines {
  /// A line went past the bound, in bytes.
  struct TooLong: Error, Equatable {
    var limit: Int
  }

  private let limit: Int
  private var bytes: [UInt8] = []
  /// Where the next line begins, and how far there is no newline.
  private var start = 0
  private var searched = 0

  init(limit: Int) { self.limit = limit }

  mutating func append(_ piece: [UInt8]) {
    if start > 0 {
      bytes.removeFirst(start)
      searched -= start
      start = 0
    }
    bytes += piece
  }

  /// The next whole line, without its end (LF or CR LF); `nil` when there is none yet.
  mutating func next() throws(TooLong) -> ArraySlice<UInt8>? {
    guard let end = bytes[searched...].firstIndex(of: 0x0A) else {
      searched = bytes.count
      guard bytes.count - start <= limit else { throw TooLong(limit: limit) }
      return nil
    }
    guard end - start <= limit else { throw TooLong(limit: limit) }
    let line = bytes[start..<end]
    start = end + 1
    searched = start
    return line.last == 0x0D ? line.dropLast() : line
  }
}
