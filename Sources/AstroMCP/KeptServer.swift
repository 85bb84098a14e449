import AstroCore
import AstroProcess
import Synchronization

/// A server under a keeper.
final class KeptServer: ServerProcess, ByteStream {
  private let process: KeptProcess
  /// The end of what it prints for people.
  private let tail = Mutex<[UInt8]>([])
  private static let longestTail = 4096

  init(_ process: KeptProcess) { self.process = process }

  var stream: any ByteStream { self }

  func read() async -> [UInt8]? { await process.output.read() }
  func write(_ bytes: [UInt8]) -> Bool { process.input.write(bytes) }
  func finish() { process.input.finish() }

  func hear() async {
    while let piece = await process.errors.read() {
      tail.withLock { tail in
        tail += piece
        if tail.count > Self.longestTail { tail.removeFirst(tail.count - Self.longestTail) }
      }
    }
  }

  var lastWords: String {
    let bytes = tail.withLock { $0 }
    let line = bytes.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }).last { !$0.allSatisfy { $0 <= 0x20 } }
    return String(decoding: line ?? [], as: UTF8.self)
  }

  func ended() async -> String? {
    switch await process.ended() {
    case .exited(let code)?: "exit code \(code)"
    case .signalled(let number)?: "signal \(number)"
    case nil: nil
    }
  }

  func terminate() { process.terminate() }
  func kill() { process.kill() }
}
