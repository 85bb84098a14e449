import AstroAgents
import AstroConfiguration
import AstroCore
import AstroRunner
import Glibc

/// Whether the programs are there that agents start and that servers of tools are.
struct ProgramChecks {
  let programs: [AgentProgram]
  /// That of the doctor, which need not be the runner's.
  let environment: [String: String]

  func findings() -> [Finding] {
    let looked = programs.compactMap { program in path(of: program).map { (program, $0) } }
    let missing = looked.compactMap { finding($0, path: $1) }
    guard missing.isEmpty, !looked.isEmpty else { return missing }
    let names = Set(looked.map(\.0.name)).sorted().joined(separator: ", ")
    return [.ok("agent_programs", "what agents and servers of tools start is there: \(names)")]
  }

  /// Where a program is looked up; `nil` where that is not known here: its `PATH` lies in a file, or it is a path that begins
  /// at the directory of a run.
  private func path(of program: AgentProgram) -> String? {
    if !program.name.hasPrefix("/"), program.name.contains("/") { return nil }
    switch program.environment.last(where: { $0.name == "PATH" })?.value {
    case .plain(let path)?: return path
    case .secret(.environment(let name))?: return environment[name]
    case .secret(.file)?: return nil
    case nil: return environment["PATH"] ?? CommandAgent.defaultPath
    }
  }

  private func finding(_ program: AgentProgram, path: String) -> Finding? {
    let start = "\(program.user) starts '\(program.name)', which"
    // Places in it that are relative begin at the directory of a run, where nothing is before it begins.
    guard let place = CommandAgent.resolve(program.name, path: path, from: "/dev/null") else {
      return .warning(
        "agent_programs", "\(start) is not in its PATH (\(path))",
        "install it, or give its path in config/agents.yaml")
    }
    guard access(place, X_OK) != 0 else { return nil }
    return .warning(
      "agent_programs", "\(start) cannot be executed: \(String(cString: strerror(errno)))",
      "install it, or mend its path in config/agents.yaml")
  }
}
