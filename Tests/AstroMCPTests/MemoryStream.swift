import AstroCore
import AstroMCP
import Synchronization

/// A stream whose other side is a closure: it is told each line that is written, and says what is read.
final class MemoryStream: ByteStream {
  private struct State {
    var arriving: [[UInt8]] = []
    var isEnded = false
    var reader: CheckedContinuation<[UInt8]?, Never>?
    var written: [JSONValue] = []
  }

  private let state = Mutex(State())
  private let heard: @Sendable (MemoryStream, JSONValue) -> Void

  /// - Parameter heard: is called with each message that is written.
  init(_ heard: @escaping @Sendable (MemoryStream, JSONValue) -> Void = { _, _ in }) { self.heard = heard }

  /// What was written so far, in order.
  var written: [JSONValue] { state.withLock { $0.written } }

  func say(_ text: String) { say(Array((text + "\n").utf8)) }

  func say(_ bytes: [UInt8]) {
    let reader = state.withLock { state -> CheckedContinuation<[UInt8]?, Never>? in
      guard let reader = state.reader else {
        state.arriving.append(bytes)
        return nil
      }
      state.reader = nil
      return reader
    }
    reader?.resume(returning: bytes)
  }

  func end() {
    let reader = state.withLock { state in
      defer { state.reader = nil }
      state.isEnded = true
      return state.reader
    }
    reader?.resume(returning: nil)
  }

  func read() async -> [UInt8]? {
    await withCheckedContinuation { continuation in
      let piece: [UInt8]?? = state.withLock { state in
        if !state.arriving.isEmpty { return .some(state.arriving.removeFirst()) }
        if state.isEnded { return .some(nil) }
        state.reader = continuation
        return nil
      }
      if let piece { continuation.resume(returning: piece) }
    }
  }

  func write(_ bytes: [UInt8]) -> Bool {
    let message = json(String(decoding: bytes.dropLast(), as: UTF8.self))
    let isOpen = state.withLock { state in
      if !state.isEnded { state.written.append(message) }
      return !state.isEnded
    }
    if isOpen { heard(self, message) }
    return true
  }

  func finish() { end() }
}

extension JSONValue {
  subscript(name: String) -> JSONValue? { if case .map(let members) = self { members[name] } else { nil } }
}

/// The same from the texts that tests compare with.
func json(_ text: String) -> JSONValue { (try? JSONReader.parse(text)) ?? .string("no JSON: \(text)") }
