import Foundation
import Glibc
import Testing

/// A fresh home for one test, and the built binary (ASTRO_BINARY) to use it with. Removed when the test lets go of it;
/// what the test started is ended by then.
final class ScratchHome {
  let path: String
  let binary: String
  private var started: [RunningAstro] = []
  private var pipes: [String] = []

  /// What a finished command left.
  struct Outcome {
    /// The exit code, or 128 and the signal, as a shell says it.
    var code: Int32
    var out: String
    var err: String
    var lines: [String] { out.split(separator: "\n").map(String.init) }

    func json<Value>(_ type: Value.Type = Value.self) throws -> Value {
      try #require(try JSONSerialization.jsonObject(with: Data(out.utf8)) as? Value, "not such JSON: \(out)")
    }
  }

  /// - Parameter system: what stands below `system:` in the configuration.
  init(_ system: String = "rate_limits: {task_submission: unlimited, workflow_creation: unlimited}") throws {
    binary = try #require(ProcessInfo.processInfo.environment["ASTRO_BINARY"], "set ASTRO_BINARY, as make test does")
    path = FileManager.default.temporaryDirectory.appendingPathComponent("astro-\(UUID().uuidString)").path
    _ = try run(["init", path])
    try configure(system)
  }

  deinit {
    for running in started { running.kill() }
    // Tasks outlive a runner that is killed: what still waits at a gate goes on, and ends.
    for pipe in pipes { close(open(pipe, O_RDWR | O_NONBLOCK | O_CLOEXEC)) }
    try? FileManager.default.removeItem(atPath: path)
  }

  func configure(_ system: String) throws {
    try "system:\n  \(system)\n".write(
      toFile: path + "/config/system_config.yaml", atomically: true, encoding: .utf8)
  }

  // MARK: Commands

  /// Runs `astro` in this home and waits for it.
  @discardableResult
  func astro(_ arguments: String..., stdin: String? = nil) throws -> Outcome { try run(arguments, stdin: stdin) }

  @discardableResult
  func run(_ arguments: [String], stdin: String? = nil) throws -> Outcome {
    let running = try RunningAstro(binary, arguments, home: path, stdin: stdin)
    return running.finish()
  }

  /// Starts `astro` in this home and returns at once.
  func start(_ arguments: String...) throws -> RunningAstro {
    let running = try RunningAstro(binary, arguments, home: path, stdin: nil)
    started.append(running)
    return running
  }

  // MARK: Files

  /// Writes a file into the home, not into the spool.
  @discardableResult
  func write(_ text: String, to name: String) throws -> String {
    let full = "\(path)/\(name)"
    try text.write(toFile: full, atomically: true, encoding: .utf8)
    return full
  }

  /// Renames a finished file into the spool, as any program may.
  func drop(_ text: String, as name: String) throws {
    let source = try write(text, to: ".dropped-\(UUID().uuidString)")
    try #require(rename(source, "\(path)/spool/\(name)") == 0)
  }

  func read(_ name: String) -> String? { try? String(contentsOfFile: "\(path)/\(name)", encoding: .utf8) }

  func names(_ directory: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(directory)")) ?? []).sorted()
  }

  /// The waiting files: what is in `spool/` but its sub-directories and dot files.
  var waiting: [String] { names("spool").filter { $0.contains(".") && !$0.hasPrefix(".") } }

  func state(of run: String) throws -> String? {
    let outcome = try astro("status", run, "--json")
    return try? outcome.json([String: Any].self)["state"] as? String
  }

  func makePipe(_ name: String) throws -> String {
    let full = "\(path)/\(name)"
    try #require(mkfifo(full, 0o600) == 0)
    pipes.append(full)
    return full
  }

  /// Opens the gate: the reader that waits in open(2) on the pipe goes on. Waits until there is one.
  func release(_ pipe: String) throws {
    var descriptor: Int32 = -1
    try eventually("somebody reads from \(pipe)") {
      descriptor = open(pipe, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
      return descriptor >= 0
    }
    _ = Glibc.write(descriptor, "go\n", 3)
    close(descriptor)
  }
}
