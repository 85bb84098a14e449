import AstroCore
import CLinux
import Glibc

/// The small process between a runner and its commands: it starts them, reaps them, and records how they ended, also
/// when the runner is no longer there. One thread, one poll(2), and no timer but the one by which it bounds
/// what commands print.
///
/// It writes `data/runners/<id>.exits` (see ``ExitLogRecord``) and holds a lock on `data/runners/<id>.warden` while it
/// lives. It outlives the runner until its last command has ended, with everything that command left running, then
/// leaves; what it wrote stays.
public enum Warden {
  /// The hidden verb: `--data DIR --id RUNNER --socket FD [--max-output BYTES] [--umask OCTAL]`, without the program and
  /// the verb. Its exit code.
  public static func main(arguments: [String]) -> Int32 {
    var options: [String: String] = [:]
    var rest = arguments[...]
    while let name = rest.popFirst() {
      guard let value = rest.popFirst() else { return ExitCode.usage.rawValue }
      options[name] = value
    }
    guard Set(options.keys).isSubset(of: ["--data", "--id", "--socket", "--max-output", "--umask"]),
      let data = options["--data"], let id = options["--id"],
      let socket = options["--socket"].flatMap(Int32.init)
    else { return ExitCode.usage.rawValue }
    // Of its commands: what it makes itself has modes of its own.
    if let mask = options["--umask"].flatMap({ mode_t($0, radix: 8) }) { umask(mask) }
    let bound = OutputBound(limit: options["--max-output"].flatMap { Int64($0) })
    return run(dataDirectory: data, runnerID: id, socket: socket, bound: bound)
  }

  /// Serves the runner at the other end of `socket` until it and all its commands are gone. 0, or the code of what
  /// kept it from beginning.
  public static func run(
    dataDirectory: String, runnerID: String, socket: Int32, bound: OutputBound = OutputBound(limit: nil)
  ) -> Int32 {
    // The number was inherited, so it is not close-on-exec yet: a command that kept it would hide the warden's death.
    guard fcntl(socket, F_SETFD, FD_CLOEXEC) == 0 else { return ExitCode.usage.rawValue }
    // A second descriptor of the same end, to say why when the loop does not come into being.
    var complaint = SocketStream(owning: fcntl(socket, F_DUPFD_CLOEXEC, 3))
    do {
      let files = try RunnerFiles(dataDirectory: dataDirectory, runnerID: runnerID)
      var loop = try WardenLoop(files: files, stream: SocketStream(owning: socket), bound: bound)
      // Small from here on: execve(2) counts what the warden holds into the peak memory of every command.
      clinux_shed_code()
      // After it: /proc/self/clear_refs is no longer ours then. Secrets of commands are in this memory.
      clinux_forbid_dumps()
      loop.run()
      return ExitCode.ok.rawValue
    } catch {
      complaint.write { ExitLogRecord.failed(error.description).write(to: &$0) }
      _ = complaint.send()
      return ExitCode(for: error.code).rawValue
    }
  }
}
