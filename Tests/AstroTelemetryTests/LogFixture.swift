import AstroCore
import AstroTestKit
import Foundation
import Glibc
import Logging
import Synchronization
import Testing

@testable import AstroTelemetry

/// The wall clock as the test sets it.
final class WallClock: Sendable {
  private let microseconds: Mutex<Int64>
  /// 2026-11-24T02:00:00.123Z
  init() { microseconds = Mutex(1_795_485_600_123_456) }
  var now: Timestamp { Timestamp(microseconds: microseconds.withLock { $0 }) }
  func advance(_ duration: Duration) { microseconds.withLock { $0 += duration.microseconds } }
}

/// A log file of its own.
final class LogFixture {
  let home = TemporaryDirectory()
  let clock = WallClock()
  let output: LogOutput
  var path: String { home.path("astro.log") }

  init(level: Logger.Level = .debug) throws {
    let clock = clock
    output = try LogOutput(
      LogSettings(
        file: home.path("astro.log"), level: level, environment: "production", requestID: "req-0000002a"),
      now: { clock.now })
  }

  func logger(_ label: String = "astro") -> Logger { Logger(label: label) { self.output.handler(label: $0) } }

  /// The bytes of each line, without its newline. The file must end in one.
  func rawLines(of path: String? = nil) throws -> [Data] {
    let data = try Data(contentsOf: URL(fileURLWithPath: path ?? self.path))
    guard !data.isEmpty else { return [] }
    #expect(data.last == 0x0A)
    return data.dropLast().split(separator: 0x0A, omittingEmptySubsequences: false).map { Data($0) }
  }

  /// Every line as a parser that is not ours reads it.
  func lines(of path: String? = nil) throws -> [[String: Any]] {
    try rawLines(of: path).map { try #require(JSONSerialization.jsonObject(with: $0) as? [String: Any]) }
  }

  func last() throws -> [String: Any] { try #require(try lines().last) }
}

func runTool(
  _ program: String, _ arguments: [String], environment: [String: String]? = nil, errors: FileHandle? = nil
) throws -> (code: Int32, output: String) {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: program)
  process.arguments = arguments
  process.environment = environment
  let pipe = Pipe()
  process.standardOutput = pipe
  if let errors { process.standardError = errors }
  try process.run()
  let data = pipe.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return (process.terminationStatus, String(decoding: data, as: UTF8.self))
}

/// `LogPeer`, built beside the tests.
let logPeer: String = {
  var path = [UInt8](repeating: 0, count: 4096)
  let count = readlink("/proc/self/exe", &path, path.count)
  let own = URL(fileURLWithPath: String(decoding: path.prefix(max(0, count)), as: UTF8.self))
  let places = Bundle.allBundles.map(\.bundleURL) + [own]
  let found = places.map { $0.deletingLastPathComponent().appendingPathComponent("LogPeer").path }
    .first { FileManager.default.isExecutableFile(atPath: $0) }
  guard let found else { fatalError("LogPeer is not beside the tests: swift build --build-tests makes it") }
  return found
}()

/// Runs `body` on a file system of its own with this much room.
func onDisk(of size: String, in home: TemporaryDirectory, _ body: (_ path: String) throws -> Void) throws {
  try #require(getuid() == 0, "this test mounts a file system: run it as root")
  let path = home.path("small")
  mkdir(path, 0o755)
  try #require(mount("tmpfs", path, "tmpfs", 0, "size=\(size)") == 0, "cannot mount a tmpfs")
  defer { umount2(path, Int32(MNT_DETACH)) }
  try body(path)
}

func fill(_ path: String) {
  let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
  for size in [4096, 1] {
    let chunk = [UInt8](repeating: 1, count: size)
    while write(descriptor, chunk, size) > 0 {}
  }
  close(descriptor)
}
