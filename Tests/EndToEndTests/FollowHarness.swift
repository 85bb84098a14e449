import Foundation
import Glibc
import Testing

/// A fresh home, made by the built binary that ASTRO_BINARY names, and gone with its test.
final class FollowHome {
  let path: String
  let astro: String

  init(in directory: String = FileManager.default.temporaryDirectory.path, isMade: Bool = true) throws {
    astro = try #require(ProcessInfo.processInfo.environment["ASTRO_BINARY"], "set ASTRO_BINARY, as make test does")
    path = directory + "/astro-\(UUID().uuidString)"
    if isMade { try #require(try Command(astro, ["init", path]).finish().code == 0) }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Runs a verb in this home to its end.
  @discardableResult
  func astro(_ arguments: String..., environment: [String: String] = [:]) throws -> Command.Ending {
    try command(arguments, environment: environment).finish()
  }

  /// A verb in this home, not started yet.
  func command(_ arguments: [String], environment: [String: String] = [:]) -> Command {
    Command(astro, arguments, environment: environment.merging(["ASTRO_HOME": path]) { $1 })
  }

  /// Puts a workflow where `astro drain` finds it, whole.
  func submit(_ text: String, as name: String = "flow.yaml") throws {
    try write(text, to: "\(name).part")
    try #require(rename("\(path)/\(name).part", "\(path)/spool/\(name)") == 0)
  }

  /// Runs a workflow to its end.
  func drain(_ text: String, as name: String = "flow.yaml") throws {
    try submit(text, as: name)
    try astro("drain")
  }

  func write(_ text: String, to name: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
  }

  /// Sets one plain setting below `system:`.
  func configure(_ key: String, _ value: String) throws {
    let name = "config/system_config.yaml"
    let lines = try read(name).split(separator: "\n", omittingEmptySubsequences: false)
    try #require(lines.contains { $0.hasPrefix("  \(key):") })
    try write(
      lines.map { $0.hasPrefix("  \(key):") ? "  \(key): \(value)" : String($0) }.joined(separator: "\n"), to: name)
  }

  func read(_ name: String) throws -> String { try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8) }

  func names(in directory: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(directory)")) ?? []).sorted()
  }

  func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)/\(name)") }

  /// The identifier of the newest run.
  func latest() throws -> String {
    let output = try astro("list", "--json").output
    return try #require(output.split(separator: "\"").first { $0.contains("Z-") }.map(String.init))
  }

  /// Two named pipes by which a task says where it is and waits to be let on: no test has to guess how long it takes.
  func gate(_ name: String) throws -> Gate { try Gate(path: "\(path)/\(name)") }
}

/// One process under a time limit, so that what would hang fails instead.
final class Command {
  struct Ending {
    var code: Int32
    var output: String
    var errors: String
  }

  let process = Process()
  private let output = Pipe()
  private let errors: URL
  private var seen = Data()

  init(_ program: String, _ arguments: [String], environment: [String: String] = [:]) {
    errors = FileManager.default.temporaryDirectory.appendingPathComponent("astro-errors-\(UUID().uuidString)")
    process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
    // Its group is ended with it: a grandchild that lived on would keep Foundation waiting for ever.
    process.arguments = ["-k", "5", "60", program] + arguments
    var variables = ProcessInfo.processInfo.environment
    variables["ASTRO_HOME"] = nil
    process.environment = variables.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    _ = FileManager.default.createFile(atPath: errors.path, contents: nil)
    process.standardError = try? FileHandle(forWritingTo: errors)
  }

  deinit { try? FileManager.default.removeItem(at: errors) }

  func start() throws -> Command {
    try process.run()
    return self
  }

  /// Reads what it prints until `text` is among it; `false` when it ended without.
  func prints(_ text: String) -> Bool {
    while !String(decoding: seen, as: UTF8.self).contains(text) {
      let more = output.fileHandleForReading.availableData
      if more.isEmpty { return false }
      seen += more
    }
    return true
  }

  func finish() throws -> Ending {
    if !process.isRunning, process.processIdentifier == 0 { try process.run() }
    seen += output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let text = String(decoding: (try? Data(contentsOf: errors)) ?? Data(), as: UTF8.self)
    return Ending(code: process.terminationStatus, output: String(decoding: seen, as: UTF8.self), errors: text)
  }

  /// Sends a signal to the program itself, not to the limit around it.
  func signal(_ number: Int32) throws {
    let path = "/proc/\(process.processIdentifier)/task/\(process.processIdentifier)/children"
    let child = try #require(Int32(try String(contentsOfFile: path, encoding: .utf8).split(separator: " ").first ?? ""))
    kill(child, number)
  }
}

/// Where a task reports and waits: in its script `echo > "$GATE.here"` and `read go < "$GATE.go"`.
final class Gate {
  let path: String
  private let here: Int32
  private let go: Int32

  init(path: String) throws {
    self.path = path
    for name in [".here", ".go"] { try #require(mkfifo(path + name, 0o600) == 0) }
    // Open both ways, neither end ever waits for the other to come.
    here = open(path + ".here", O_RDWR | O_CLOEXEC)
    go = open(path + ".go", O_RDWR | O_CLOEXEC)
    try #require(here >= 0 && go >= 0)
  }

  deinit {
    close(here)
    close(go)
  }

  /// Returns when the task has said that it is there.
  func waitForTask() throws {
    var entry = pollfd(fd: here, events: Int16(POLLIN), revents: 0)
    try #require(poll(&entry, 1, 60_000) == 1, "the task never came")
    var byte: UInt8 = 0
    repeat { try #require(read(here, &byte, 1) == 1) } while byte != 0x0A
  }

  func letOn() {
    let line: [UInt8] = [0x67, 0x6F, 0x0A]
    #expect(write(go, line, line.count) == line.count)
  }
}
