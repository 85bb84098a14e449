import ArgumentParser
import AstroConfiguration
import AstroCore
import Glibc

struct InitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init", abstract: "Make a home with a configuration.",
    discussion: "Files that are there already stay as they are.")
  @Argument(help: "The directory; made when missing.") var directory = "."

  func run() throws {
    // data/ may be passed through by others, not listed: node_exporter and probes read their files in it.
    let places: [(String, mode_t)] = [
      ("", 0o755), ("/config", 0o755), ("/workflows", 0o755), ("/spool", 0o700), ("/logs", 0o755), ("/data", 0o711),
    ]
    for (path, mode) in places {
      let full = directory + path
      guard mkdir(full, mode) == 0 || errno == EEXIST else {
        throw Failure(
          .cannotCreate, subject: full, message: "cannot be made", errno: errno,
          reason: String(cString: strerror(errno)))
      }
    }
    try write("config/system_config.yaml", ConfigurationTemplate.system)
    try write("config/agents.yaml", ConfigurationTemplate.agents)
    Output.line("\(directory) is a home; next: cp workflow.yaml \(directory)/spool/ && astro drain --home \(directory)")
  }

  /// O_EXCL: what somebody wrote is never replaced; a crash leaves a file that the next init keeps.
  private func write(_ name: String, _ text: String) throws {
    let path = "\(directory)/\(name)"
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      if errno == EEXIST { return }
      throw Failure(
        .cannotCreate, subject: path, message: "cannot be made", errno: errno, reason: String(cString: strerror(errno)))
    }
    Output.write(Array(text.utf8), to: descriptor)
    close(descriptor)
  }
}
