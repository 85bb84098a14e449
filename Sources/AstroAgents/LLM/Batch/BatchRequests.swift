import AstroCore
import AstroLLM
import Glibc
import Synchronization

/// One request of a batch that has no result yet.
struct BatchCall: Sendable {
  var line: BatchLine
  var raw: RawCall
}

/// Reads the lines of a batch file one after the other. It holds what it has read and not given out: a piece of the file,
/// or its longest line.
final class BatchRequests: Sendable {
  private let path: String
  private let descriptor: Int32
  private let place = Mutex(Place())

  private struct Place {
    /// Where the next piece begins.
    var offset = 0
    /// Of the last line that was given out.
    var number = 0
    var buffer: ArraySlice<UInt8> = []
    var isAtEnd = false
  }

  private static let piece = 256 << 10

  init(_ path: String) throws(Failure) {
    self.path = path
    descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else { throw Self.failure(path, "cannot be opened", errno) }
  }

  deinit { close(descriptor) }

  /// The next requests, `count` at most; none at the end of the file.
  /// - Parameter isWanted: by the number of its line.
  func next(_ count: Int, where isWanted: (Int) -> Bool) throws(Failure) -> [BatchLine] {
    try place.withLock { place throws(Failure) in
      var lines: [BatchLine] = []
      while lines.count < count, let text = try nextLine(&place) {
        guard isWanted(place.number), !BatchLine.isBlank(text) else { continue }
        do throws(BatchLine.Flaw) { lines.append(try BatchLine(text, number: place.number)) } catch {
          // It was whole when it was accepted.
          throw Failure(.io, subject: path, message: "line \(place.number) is not what was submitted: \(error.message)")
        }
      }
      return lines
    }
  }

  private func nextLine(_ place: inout Place) throws(Failure) -> ArraySlice<UInt8>? {
    var searched = place.buffer.startIndex
    while true {
      if let end = place.buffer[searched...].firstIndex(of: 0x0A) {
        defer { place.buffer = place.buffer[(end + 1)...] }
        place.number += 1
        return place.buffer[..<end]
      }
      if place.isAtEnd {
        defer { place.buffer = [] }
        if !place.buffer.isEmpty { place.number += 1 }
        return place.buffer.isEmpty ? nil : place.buffer
      }
      let known = place.buffer.count
      try read(&place)
      searched = place.buffer.startIndex + known
    }
  }

  private func read(_ place: inout Place) throws(Failure) {
    var bytes = Array(place.buffer)
    let known = bytes.count
    // Twice as much each time, so that a long line is not copied for each piece of it.
    let room = max(Self.piece, known)
    bytes += [UInt8](repeating: 0, count: room)
    var count = -1
    repeat {
      count = bytes.withUnsafeMutableBytes {
        pread(descriptor, $0.baseAddress! + known, room, off_t(place.offset))
      }
    } while count < 0 && errno == EINTR
    guard count >= 0 else { throw Self.failure(path, "cannot be read", errno) }
    place.offset += count
    place.isAtEnd = count == 0
    place.buffer = bytes[..<(known + count)]
  }

  private static func failure(_ path: String, _ message: String, _ problem: Int32) -> Failure {
    Failure(.io, subject: path, message: message, errno: problem, reason: String(cString: strerror(problem)))
  }
}
