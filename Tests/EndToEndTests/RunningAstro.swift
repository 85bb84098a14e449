import Foundation
import Glibc
import Testing

/// One invocation of the binary, its output collected in files so that nothing can block on it.
final class RunningAstro {
  private let process = Process()
  private let directory: String

  /// - Parameter terminal: used instead of the files, `NO_COLOR` unset.
  init(_ binary: String, _ arguments: [String], home: String, stdin: String? = nil, terminal: String? = nil) throws {
    directory = FileManager.default.temporaryDirectory.appendingPathComponent("astro-io-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    for name in ["in", "out", "err"] {
      try (name == "in" ? stdin ?? "" : "").write(toFile: "\(directory)/\(name)", atomically: false, encoding: .utf8)
    }
    process.executableURL = URL(fileURLWithPath: binary)
    process.arguments = arguments
    process.currentDirectoryURL = URL(
      fileURLWithPath: FileManager.default.fileExists(atPath: home) ? home : directory)
    var environment = ProcessInfo.processInfo.environment
    environment["ASTRO_HOME"] = home
    environment["NO_COLOR"] = terminal == nil ? "1" : nil
    process.environment = environment
    process.standardInput = FileHandle(forReadingAtPath: terminal ?? "\(directory)/in")
    process.standardOutput = FileHandle(forWritingAtPath: terminal ?? "\(directory)/out")
    process.standardError = FileHandle(forWritingAtPath: terminal ?? "\(directory)/err")
    try process.run()
  }

  deinit {
    kill()
    try? FileManager.default.removeItem(atPath: directory)
  }

  var isRunning: Bool { process.isRunning }
  var pid: Int32 { process.processIdentifier }
  var out: String { (try? String(contentsOfFile: "\(directory)/out", encoding: .utf8)) ?? "" }
  var err: String { (try? String(contentsOfFile: "\(directory)/err", encoding: .utf8)) ?? "" }

  func signal(_ number: Int32) { if process.isRunning { Glibc.kill(process.processIdentifier, number) } }

  /// Ends it without mercy, if it still runs.
  func kill() {
    guard process.isRunning else { return }
    Glibc.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// Waits for its end, bounded: what hangs is killed and fails the test by its code.
  func finish(within seconds: Double = 60) -> ScratchHome.Outcome {
    let deadline = Date(timeIntervalSinceNow: seconds)
    while process.isRunning, Date() < deadline { poll(nil, 0, 5) }
    kill()
    let code =
      process.terminationReason == .uncaughtSignal ? 128 + process.terminationStatus : process.terminationStatus
    return ScratchHome.Outcome(code: code, out: out, err: err)
  }
}
