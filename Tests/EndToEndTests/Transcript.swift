import Foundation
import Glibc

/// What comes out of a descriptor, read as it comes by a thread of its own: whoever writes never waits for the test, and
/// the test waits for what is written without looking again and again.
final class Transcript: @unchecked Sendable {
  private let changed = NSCondition()
  private var bytes: [UInt8] = []
  private var passed = 0
  private var isComplete = false

  init(of handle: FileHandle) {
    Thread.detachNewThread { [self] in
      var buffer = [UInt8](repeating: 0, count: 65_536)
      while true {
        let count = read(handle.fileDescriptor, &buffer, buffer.count)
        if count < 0, errno == EINTR { continue }
        changed.withLock {
          if count > 0 { bytes += buffer[..<count] } else { isComplete = true }
          changed.broadcast()
        }
        if count <= 0 { return }
      }
    }
  }

  /// All that has come so far.
  var text: String { changed.withLock { String(decoding: bytes, as: UTF8.self) } }

  /// Waits until `text` comes after what was waited for before; `false` when it never does.
  func waits(for text: String, until deadline: Date) -> Bool {
    changed.withLock {
      while true {
        if let range = bytes[passed...].firstRange(of: text.utf8) {
          passed = range.upperBound
          return true
        }
        if isComplete || !changed.wait(until: deadline) { return false }
      }
    }
  }

  /// Waits until nothing more can come; `false` when somebody may write for longer.
  func waitsForItsEnd(until deadline: Date) -> Bool {
    changed.withLock {
      while !isComplete { if !changed.wait(until: deadline) { return false } }
      return true
    }
  }
}
