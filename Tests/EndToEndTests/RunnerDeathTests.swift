import Foundation
import Testing

/// The built runner is killed while its tasks run, alone or with its warden; the next one goes on.
@Suite(.serialized) struct RunnerDeath {
  private let home = FileManager.default.temporaryDirectory.appendingPathComponent("astro-\(UUID().uuidString)").path
  private let astro: String

  init() throws {
    astro = try #require(ProcessInfo.processInfo.environment["ASTRO_BINARY"], "set ASTRO_BINARY, as make test does")
    #expect(try run(["init", home]).code == 0)
  }

  private func launch(_ arguments: [String], output: Pipe? = nil) throws -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: astro)
    process.arguments = arguments
    process.standardOutput = output ?? FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    return process
  }

  private func run(_ arguments: [String]) throws -> (code: Int32, output: String) {
    let pipe = Pipe()
    let process = try launch(arguments, output: pipe)
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }

  private func path(_ name: String) -> String { home + "/" + name }

  /// Tasks that tell that they have begun, wait to be let go, print, and end with codes of their own.
  private func submit(_ count: Int) throws {
    var text = "name: long\ntasks:\n"
    for number in 0..<count {
      text += """
          t\(number):
            run: |
              echo "began \(number) $ASTRO_ATTEMPT $$" >> \(home)/effects
              echo up > \(home)/up
              read go < \(home)/gate
              yes \(number) | head -c 100000
              echo "ended \(number) $ASTRO_ATTEMPT $$" >> \(home)/effects
              exit \(number)

        """
    }
    try text.write(toFile: path("spool/long.yaml"), atomically: true, encoding: .utf8)
  }

  private func effects() throws -> [[String]] {
    try String(contentsOfFile: path("effects"), encoding: .utf8).split(separator: "\n")
      .map { $0.split(separator: " ").map(String.init) }
  }

  /// Opened for both directions, so that neither side waits in open(2).
  private func pipe(_ name: String) throws -> FileHandle {
    mkfifo(path(name), 0o600)
    return FileHandle(fileDescriptor: open(path(name), O_RDWR | O_CLOEXEC), closeOnDealloc: true)
  }

  /// Starts a drain and returns when all tasks have begun.
  private func drainUntilAllHaveBegun(_ count: Int, _ up: FileHandle) throws -> Process {
    let runner = try launch(["drain", "--home", home])
    var heard = 0
    while heard < count {
      heard += try #require(try up.read(upToCount: 3)).count / 3
    }
    return runner
  }

  /// Not a zombie, which only waits for the system to take note of its end.
  private func isAlive(_ pid: String) -> Bool {
    guard let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return false }
    return !status.contains(") Z ") && !status.contains(") X ")
  }

  private func wardens() -> [Int32] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path("data/runners"))) ?? [])
      .filter { $0.hasSuffix(".warden") && !$0.hasPrefix(".") }
      .compactMap { name in
        let owner = try? String(contentsOfFile: path("data/runners/\(name)"), encoding: .utf8)
        return owner?.split(separator: " ").dropFirst().first.flatMap { Int32($0) }
      }
  }

  private func setUp(_ count: Int) throws -> (up: FileHandle, gate: FileHandle) {
    let configuration = path("config/agents.yaml")
    let agents = try String(contentsOfFile: configuration, encoding: .utf8)
    try agents.replacingOccurrences(of: "max_concurrent: 4", with: "max_concurrent: 64")
      .write(toFile: configuration, atomically: true, encoding: .utf8)
    let system = path("config/system_config.yaml")
    var text = try String(contentsOfFile: system, encoding: .utf8)
    text = text.split(separator: "\n", omittingEmptySubsequences: false)
      .map { $0.contains("max_parallel_tasks:") ? "  max_parallel_tasks: 64" : String($0) }.joined(separator: "\n")
    try text.write(toFile: system, atomically: true, encoding: .utf8)
    let pipes = (try pipe("up"), try pipe("gate"))
    try submit(count)
    return pipes
  }

  @Test func theSameProcessesGoOnAndTheNextRunnerTakesTheirEnds() throws {
    defer { try? FileManager.default.removeItem(atPath: home) }
    let count = 12
    let (up, gate) = try setUp(count)
    let runner = try drainUntilAllHaveBegun(count, up)
    kill(runner.processIdentifier, SIGKILL)
    runner.waitUntilExit()
    gate.write(Data(String(repeating: "go\n", count: count).utf8))
    #expect(try run(["drain", "--home", home]).code == 1)
    let lines = try effects()
    for number in 0..<count {
      let mine = lines.filter { $0[1] == String(number) }
      #expect(mine.map { $0[0] } == ["began", "ended"])
      #expect(Set(mine.map { $0[3] }).count == 1)
    }
    let report = try run(["status", "@latest", "--json", "--home", home]).output
    for number in 1..<count { #expect(report.contains("\"exit_code\":\(number)"), "\(report)") }
    let run = try #require(try FileManager.default.contentsOfDirectory(atPath: path("data/runs")).first)
    for number in 0..<count {
      let printed = try String(contentsOfFile: path("data/runs/\(run)/tasks/t\(number)/1/stdout"), encoding: .utf8)
      #expect(printed == String(String(repeating: "\(number)\n", count: 50_000).prefix(100_000)))
    }
  }

  @Test func whenTheWardenIsKilledTooNothingIsCalledASuccessAndNothingIsLeftRunning() throws {
    defer { try? FileManager.default.removeItem(atPath: home) }
    let count = 6
    let (up, _) = try setUp(count)
    let runner = try drainUntilAllHaveBegun(count, up)
    let warden = try #require(wardens().first)
    for pid in [warden, runner.processIdentifier] { kill(pid, SIGKILL) }
    runner.waitUntilExit()
    #expect(try run(["drain", "--home", home]).code == 1)
    let lines = try effects()
    #expect(lines.count == count)
    #expect(lines.allSatisfy { $0[0] == "began" })
    for line in lines { #expect(!isAlive(line[3]), "\(line) still runs") }
    let report = try run(["status", "@latest", "--json", "--home", home]).output
    #expect(report.contains("\"state\":\"lost\""), "\(report)")
    #expect(!report.contains("\"state\":\"succeeded\""), "\(report)")
  }
}
