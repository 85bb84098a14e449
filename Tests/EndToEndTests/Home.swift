import Foundation
import Glibc
import Testing

/// A fresh home for one test and the built binary, which ASTRO_BINARY names, to use it with. What the test started in it
/// ends with it, and nothing of it is left.
final class Home {
  let path: String
  let astro: String
  private var commands: [Command] = []
  private var gates: [Gate] = []
  private var mounts: [String] = []

  /// No limit holds anything back.
  static let unlimited = "rate_limits: {task_submission: unlimited, workflow_creation: unlimited}"

  /// - Parameters:
  ///   - system: what stands below `system:` in its configuration, instead of what `astro init` writes.
  ///   - isMade: else there is nothing at its path.
  init(
    system: String? = nil, in directory: String = FileManager.default.temporaryDirectory.path, isMade: Bool = true
  ) throws {
    astro = try #require(ProcessInfo.processInfo.environment["ASTRO_BINARY"], "set ASTRO_BINARY, as make test does")
    path = directory + "/astro-\(UUID().uuidString)"
    if isMade { try #require(try Command(astro, ["init", path]).finish().code == 0) }
    if let system { try configure(system) }
  }

  deinit {
    for command in commands { command.endGroup() }
    // Tasks outlive a runner that is killed: they go on, and end.
    gates = []
    removeControlGroups()
    for mount in mounts.reversed() { umount2(mount, Int32(MNT_DETACH)) }
    // What writes here until it has noticed its end can meet the removal, as can what a test has closed to itself.
    for _ in 0..<100 where lstat(path) {
      do { try FileManager.default.removeItem(atPath: path) } catch {
        _ = try? Command("/bin/chmod", ["-R", "u+rwX", path]).finish()
      }
    }
  }

  /// Those of runners that were killed, which the next runner would remove.
  private func removeControlGroups() {
    for name in names(in: "data/runners") where name.hasSuffix(".groups") {
      for group in (try? read("data/runners/\(name)").lines) ?? [] {
        for inner in (try? FileManager.default.contentsOfDirectory(atPath: group)) ?? [] { rmdir("\(group)/\(inner)") }
        rmdir(group)
      }
    }
  }

  // MARK: Commands

  /// Starts a verb in this home, and returns at once.
  func start(
    _ arguments: [String], environment: [String: String] = [:], input: String = "", terminal: PseudoTerminal? = nil
  ) throws -> Command {
    try start(astro, arguments, environment: environment, input: input, terminal: terminal)
  }

  func start(_ arguments: String...) throws -> Command { try start(arguments) }

  /// Runs a verb in this home to its end.
  @discardableResult
  func astro(_ arguments: String..., environment: [String: String] = [:], input: String = "") throws -> Command.Ending {
    try start(arguments, environment: environment, input: input).finish()
  }

  /// Runs a script for sh(1) in this home to its end; `$0` is astro.
  @discardableResult
  func shell(_ script: String, _ arguments: [String] = []) throws -> Command.Ending {
    try start("/bin/sh", ["-c", script, astro] + arguments).finish()
  }

  /// Starts any program in this home.
  func start(
    _ program: String, _ arguments: [String], environment: [String: String] = [:], input: String = "",
    terminal: PseudoTerminal? = nil
  ) throws -> Command {
    let command = try Command(
      program, arguments, in: path, environment: environment.merging(["ASTRO_HOME": path]) { $1 }, input: input,
      terminal: terminal)
    commands.append(command)
    return command
  }

  /// Asks the journal, or does something to it behind everybody's back, as a crash would have left it.
  @discardableResult
  func sql(_ statement: String) throws -> String {
    let ending = try Command("/usr/bin/env", ["sqlite3", "\(path)/data/astro.sqlite", statement]).finish()
    try #require(ending.code == 0, "\(ending.errors)")
    return ending.output.trimmingCharacters(in: .newlines)
  }

  func gate() throws -> Gate {
    let gate = try Gate(path: "\(path)/gate-\(gates.count)")
    gates.append(gate)
    return gate
  }

  // MARK: Files

  /// Writes a file of the home, whole, and makes the directories it lies in.
  func write(_ text: String, to name: String) throws {
    let file = URL(fileURLWithPath: "\(path)/\(name)")
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file, options: .atomic)
  }

  /// Writes a file of the home, and gives its path.
  func made(_ name: String, _ text: String) throws -> String {
    try write(text, to: name)
    return "\(path)/\(name)"
  }

  /// Replaces the configuration of the system.
  func configure(_ system: String) throws { try write("system:\n  \(system)\n", to: "config/system_config.yaml") }

  /// Renames a finished file into the spool, as any program may.
  func submit(_ text: String, as name: String = "work.yaml") throws {
    try write(text, to: ".submitted")
    try #require(rename("\(path)/.submitted", "\(path)/spool/\(name)") == 0)
  }

  /// Runs a workflow to its end.
  func drain(_ text: String, as name: String = "work.yaml") throws {
    try submit(text, as: name)
    try astro("drain")
  }

  func read(_ name: String) throws -> String { try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8) }

  /// Whether anything is there, be it a link to nowhere.
  func exists(_ name: String) -> Bool { lstat("\(path)/\(name)") }

  /// All names in a directory, dot files too, in order, but the note of whose spool it is; none when it is not there.
  func names(in directory: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(directory)")) ?? [])
      .filter { $0 != ".home" }.sorted()
  }

  /// The files that wait: what is in `spool/` but its sub-directories and dot files.
  var waiting: [String] { names(in: "spool").filter { $0.contains(".") && !$0.hasPrefix(".") } }

  /// Mounts a file system over one of its files or directories, until it is gone.
  func mount(_ source: String, on name: String, type: String? = nil, flags: Int = 0, options: String? = nil) throws {
    let target = "\(path)/\(name)"
    try #require(
      Glibc.mount(source, target, type, UInt(flags), options) == 0, "cannot mount on \(target): run the tests as root")
    mounts.append(target)
  }

  /// Leaves no byte free on the disk of one of its directories, by a file `ballast`.
  func fill(_ directory: String) {
    let descriptor = open("\(path)/\(directory)/ballast", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    for size in [4096, 1] {
      let chunk = [UInt8](repeating: 1, count: size)
      while Glibc.write(descriptor, chunk, size) > 0 {}
    }
    close(descriptor)
  }

  // MARK: Runs

  /// The identifier of a run whose file lies in that place of the spool.
  func run(in place: String) throws -> String {
    let names = names(in: "spool/\(place)")
    return String(try #require(names.first { $0.hasSuffix(".yaml") }, "no run in \(place): \(names)").dropLast(5))
  }

  /// The receipt of the first run in that place of the spool.
  func receipt(in place: String) throws -> [String: Any] {
    try read("spool/\(place)/\(run(in: place)).receipt.json").json()
  }

  /// What `astro status` says of a run; nothing when there is none.
  private func status(of run: String) throws -> [String: Any] {
    (try? astro("status", run, "--json").output.json()) ?? [:]
  }

  func state(of run: String) throws -> String? { try status(of: run)["state"] as? String }

  /// The state of each task, and how many attempts it had.
  func tasks(of run: String) throws -> [String: String] {
    let tasks = try status(of: run)["tasks"] as? [[String: Any]] ?? []
    return Dictionary(
      uniqueKeysWithValues: tasks.map {
        ("\($0["task_id"] ?? "")", "\($0["state"] ?? "") \(($0["attempts"] as? [Any] ?? []).count)")
      })
  }

  /// The names of the events of a run, in order.
  func events(of run: String) throws -> [String] {
    try read("data/runs/\(run)/events.jsonl").lines.map { "\(try $0.json()["event"] ?? "")" }
  }

  /// The lines of a file in the directory of a run, as its tasks left it.
  func lines(_ name: String, of run: String) throws -> [String] { try read("data/runs/\(run)/files/\(name)").lines }

  /// The lines of the log that say `message`, as JSON; none before there is a log.
  func log(_ message: String) throws -> [String] {
    guard exists("logs/astro.log") else { return [] }
    return try read("logs/astro.log").lines.filter { $0.contains("\"message\":\"\(message)\"") }
  }
}

/// Whether there is anything at `path`.
private func lstat(_ path: String) -> Bool {
  var status = stat()
  return Glibc.lstat(path, &status) == 0
}
