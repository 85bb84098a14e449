import Foundation
import Glibc
import Testing

/// Another process on the same journal: `JournalPeer`, built beside the tests.
final class Peer {
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()

  init(_ arguments: String...) throws {
    process.executableURL = Self.program
    process.arguments = arguments
    process.standardInput = input
    process.standardOutput = output
    try process.run()
  }

  static let program: URL = {
    var path = [UInt8](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &path, path.count)
    let beside = Bundle.allBundles.map { $0.bundleURL.deletingLastPathComponent() }
    let own = URL(fileURLWithPath: String(decoding: path.prefix(max(0, count)), as: UTF8.self))
    let places = beside + [own.deletingLastPathComponent()]
    let found = places.map { $0.appendingPathComponent("JournalPeer") }
      .first { FileManager.default.isExecutableFile(atPath: $0.path) }
    guard let found else { fatalError("JournalPeer is not beside the tests: swift build --build-tests makes it") }
    return found
  }()

  /// The next line it says; `nil` when it has ended.
  func line() -> String? {
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while read(output.fileHandleForReading.fileDescriptor, &byte, 1) == 1 {
      if byte == 0x0A { return String(decoding: line, as: UTF8.self) }
      line.append(byte)
    }
    return nil
  }

  /// All it still says, until it ends.
  func rest() -> [String] {
    var lines: [String] = []
    while let line = line() { lines.append(line) }
    return lines
  }

  /// kill -9, in the middle of whatever it does.
  func kill() {
    Glibc.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// Lets one that holds go on, and waits for its end.
  func end() -> Int32 {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
    return process.terminationStatus
  }
}
