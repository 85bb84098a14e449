import Foundation
import Testing

/// A fresh home with the built binary, for tests of the verbs that steer runs. ASTRO_BINARY names the binary.
final class ControlHome {
  let astro: String
  let path: String

  init(config: String? = nil) throws {
    astro = try #require(ProcessInfo.processInfo.environment["ASTRO_BINARY"], "set ASTRO_BINARY, as make test does")
    path = FileManager.default.temporaryDirectory.appendingPathComponent("astro-\(UUID().uuidString)").path
    try #require(try run("init", path).code == 0)
    if let config { try write(config, "config/system_config.yaml") }
  }

  deinit {
    _ = try? Self.execute("/bin/chmod", ["-R", "u+rwx", path])
    try? FileManager.default.removeItem(atPath: path)
  }

  struct Answer {
    var code: Int32
    var output: String
    var errors: String

    /// stdout as JSON.
    var json: [String: Any] {
      ((try? JSONSerialization.jsonObject(with: Data(output.utf8))) as? [String: Any]) ?? [:]
    }
  }

  /// Runs a verb in this home.
  @discardableResult
  func run(_ arguments: String...) throws -> Answer { try Self.execute(astro, arguments, home: path) }

  static func execute(_ program: String, _ arguments: [String], home: String? = nil) throws -> Answer {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    if let home { process.environment = ProcessInfo.processInfo.environment.merging(["ASTRO_HOME": home]) { $1 } }
    let output = Pipe()
    let errors = FileManager.default.temporaryDirectory.appendingPathComponent("astro-err-\(UUID().uuidString)")
    _ = FileManager.default.createFile(atPath: errors.path, contents: nil)
    defer { try? FileManager.default.removeItem(at: errors) }
    process.standardOutput = output
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Answer(
      code: process.terminationStatus, output: String(decoding: data, as: UTF8.self),
      errors: String(decoding: (try? Data(contentsOf: errors)) ?? Data(), as: UTF8.self))
  }

  func write(_ text: String, _ name: String) throws {
    try text.write(toFile: "\(path)/\(name)", atomically: true, encoding: .utf8)
  }

  /// Copies a workflow into the spool as a user does.
  func submit(_ text: String, as name: String = "work.yaml") throws {
    try write(text, name)
    try #require(try Self.execute("/bin/cp", ["\(path)/\(name)", "\(path)/spool/"]).code == 0)
  }

  func files(_ folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(folder)")) ?? []).filter { !$0.hasPrefix(".") }
      .sorted()
  }

  func text(_ name: String) -> String { (try? String(contentsOfFile: "\(path)/\(name)", encoding: .utf8)) ?? "" }

  /// The identifier of the only run, from the place where its file lies.
  func id(in place: String) throws -> String {
    String(try #require(files("spool/\(place)").first { $0.hasSuffix(".yaml") }, "no file in \(place)").dropLast(5))
  }

  func status(_ id: String) throws -> [String: Any] { try run("status", id, "--json").json }

  func state(_ id: String) throws -> String { try status(id)["state"] as? String ?? "?" }

  /// The state of each task, and how many attempts it had.
  func tasks(_ id: String) throws -> [String: String] {
    let tasks = try status(id)["tasks"] as? [[String: Any]] ?? []
    return Dictionary(
      tasks.map {
        ($0["task_id"] as? String ?? "", "\($0["state"] ?? "") \(($0["attempts"] as? [Any] ?? []).count)")
      }, uniquingKeysWith: { $1 })
  }

  /// The names of the events of a run, in order.
  func events(_ id: String) -> [String] {
    text("data/runs/\(id)/events.jsonl").split(separator: "\n").compactMap {
      ((try? JSONSerialization.jsonObject(with: Data($0.utf8))) as? [String: Any])?["event"] as? String
    }
  }

  /// Counts the lines a task appended to a file in the run's directory.
  func lines(_ id: String, _ name: String) -> [String] {
    text("data/runs/\(id)/files/\(name)").split(separator: "\n").map(String.init)
  }

  /// Makes a named pipe in the home.
  /// - Returns: waits until a task has written to it.
  func fifo(_ name: String) throws -> () -> Void {
    let path = "\(path)/\(name)"
    try #require(mkfifo(path, 0o600) == 0)
    return { _ = try? FileHandle(forReadingAtPath: path)?.readToEnd() }
  }

  /// Asks the journal, or does something to it behind everybody's back, as a crash would have left it.
  @discardableResult
  func sql(_ statement: String) throws -> String {
    let answer = try Self.execute("/usr/bin/env", ["sqlite3", "\(path)/data/astro.sqlite", statement])
    try #require(answer.code == 0)
    return answer.output.trimmingCharacters(in: .newlines)
  }
}

/// A watcher or a pass in the background, followed by the lines it logs.
final class Following {
  private let process = Process()
  private let tail = Process()
  private let pipe = Pipe()
  private var rest = Data()

  init(_ home: ControlHome, _ arguments: String...) throws {
    let log = "\(home.path)/logs/astro.log"
    let former = try? FileManager.default.attributesOfItem(atPath: log)[.size] as? Int
    if former == nil { try home.write("", "logs/astro.log") }
    process.executableURL = URL(fileURLWithPath: home.astro)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(["ASTRO_HOME": home.path]) { $1 }
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    // What was logged before is left out; tail ends soon after the runner does.
    tail.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    tail.arguments = ["tail", "-c", "+\((former ?? 0) + 1)", "--pid=\(process.processIdentifier)", "-F", log]
    tail.standardOutput = pipe
    tail.standardError = FileHandle.nullDevice
    try tail.run()
  }

  deinit {
    if process.isRunning { kill() }
    if tail.isRunning { tail.terminate() }
  }

  /// Reads on until a line holds all of `words`; it blocks in read(2), so it is as fast as the runner is.
  @discardableResult
  func line(with words: String...) throws -> String {
    while true {
      while let end = rest.firstIndex(of: 0x0A) {
        let line = String(decoding: rest[rest.startIndex..<end], as: UTF8.self)
        rest.removeSubrange(rest.startIndex...end)
        if words.allSatisfy(line.contains) { return line }
      }
      let more = pipe.fileHandleForReading.availableData
      try #require(!more.isEmpty, "the runner ended before it said \(words)")
      rest.append(more)
    }
  }

  /// kill -9.
  func kill() {
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// The end of a pass, with its exit code.
  func wait() -> Int32 {
    process.waitUntilExit()
    return process.terminationStatus
  }

  /// SIGTERM, and the end.
  @discardableResult
  func stop() -> Int32 {
    process.terminate()
    return wait()
  }
}
