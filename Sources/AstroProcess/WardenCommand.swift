import AstroCore
import CLinux
import Glibc

/// How the warden itself is started.
struct WardenCommand {
  let executable: String
  let verb: [String]
  let files: RunnerFiles
  var bound = OutputBound(limit: nil)
  /// Of the commands; nil is that of the runner.
  var umask: mode_t?

  /// Spawns the warden and gives its pid. It has the socket as descriptor 3, and hardly any environment, so that it keeps no
  /// secret. If the runner dies during the call, the warden finds its socket closed, records that, and leaves.
  func spawn(socket: Int32) throws(Failure) -> Int32 {
    var options = ["--data", files.dataDirectory, "--id", files.runnerID, "--socket", "3"]
    if let limit = bound.limit { options += ["--max-output", String(limit)] }
    if let umask { options += ["--umask", String(umask, radix: 8)] }
    // A crash reporter would hold the lock and the socket open after the warden's death. The room is for the longest path
    // of a home and three names.
    let environment = ["SWIFT_BACKTRACE=enable=no", CLINUX_ROOM + String(repeating: ".", count: Int(PATH_MAX) + 1024)]
    return try Companion(
      title: "the warden", arguments: [executable] + verb + options, environment: environment,
      descriptors: [nil, nil, nil, socket]
    ).spawn()
  }
}
