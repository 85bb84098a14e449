import Foundation
import Testing

/// A home with an agent that runs code in bubblewrap.
struct Sandboxed {
  let home: Home

  /// Of what code may use in it.
  static let temporarySize = 8 << 20
  static let processes = 24
  static let memory = 128 << 20

  init(agents: String? = nil) throws {
    home = try Home(system: Home.unlimited)
    let sandbox =
      "{engine: bubblewrap, memory: \(Self.memory), pids: \(Self.processes), tmp_size: \(Self.temporarySize)}"
    try home.write(
      agents ?? """
        agents:
          - {id: shell_agent_001, type: command, capabilities: [shell]}
          - {id: code_agent_001, type: code, sandbox: \(sandbox)}

        """, to: "config/agents.yaml")
  }

  /// A workflow of one task `code`, which may need others.
  static func workflow(
    _ code: String, language: String = "python", with more: String = "", task: String = "", before: String = ""
  ) throws -> String {
    let text = String(
      decoding: try JSONSerialization.data(withJSONObject: code, options: .fragmentsAllowed), as: UTF8.self)
    return """
      \(before.isEmpty ? "" : before + "\n")tasks:
        code:
          agent: code
          \(task.isEmpty ? "" : task + "\n    ")with: {language: \(language), code: \(text)\(more.isEmpty ? "" : ", " + more)}

      """
  }

  struct Outcome {
    var code: Int32
    var stdout: [String]
    var stderr: String
    var run: String
  }

  /// Runs a workflow in the foreground; what its task `code` printed.
  func run(_ workflow: String, environment: [String: String] = [:]) throws -> Outcome {
    try home.write(workflow, to: "work.yaml")
    let ending = try home.astro("run", "work.yaml", environment: environment)
    let run = try #require(ending.output.lines.last?.split(separator: " ").first.map(String.init), "\(ending)")
    let folder = "data/runs/\(run)/tasks/code/1"
    return Outcome(
      code: ending.code, stdout: ((try? home.read("\(folder)/stdout")) ?? "").lines,
      stderr: (try? home.read("\(folder)/stderr")) ?? "", run: run)
  }
}

/// Processes of this machine by what they were started with.
enum Processes {
  static func count(withArgument argument: String) -> Int {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.filter { name in
      guard Int(name) != nil, let bytes = FileManager.default.contents(atPath: "/proc/\(name)/cmdline") else {
        return false
      }
      return bytes.split(separator: 0).contains { $0.elementsEqual(argument.utf8) }
    }.count
  }
}
