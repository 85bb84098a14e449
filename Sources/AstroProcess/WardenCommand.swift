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

  /// Spawns the warden and gives its pid: a session of its own, so that neither the terminal nor a signal to the
  /// runner's group reaches it; nothing open but /dev/null and the socket as descriptor 3, so that it keeps nobody's
  /// pipe or lock; hardly any environment, so that it keeps no secret. If the runner dies during the call, the warden
  /// finds its socket closed, records that, and leaves.
  func spawn(socket: Int32) throws(Failure) -> Int32 {
    var attributes = posix_spawnattr_t()
    var actions = posix_spawn_file_actions_t()
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_init(&attributes)
    posix_spawn_file_actions_init(&actions)
    defer {
      posix_spawnattr_destroy(&attributes)
      posix_spawn_file_actions_destroy(&actions)
    }
    let flags = clinux_spawn_setsid() | Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)
    posix_spawnattr_setflags(&attributes, flags)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    // First the socket: the runner itself may have been started without standard streams, and have it as 0, 1 or 2.
    posix_spawn_file_actions_adddup2(&actions, socket, 3)
    for stream: Int32 in 0...2 { posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_RDWR, 0) }
    clinux_spawn_close_from(&actions, 4)
    clinux_spawn_chdir(&actions, "/")
    var options = ["--data", files.dataDirectory, "--id", files.runnerID, "--socket", "3"]
    if let limit = bound.limit { options += ["--max-output", String(limit)] }
    if let umask { options += ["--umask", String(umask, radix: 8)] }
    // A crash reporter would hold the lock and the socket open after the warden's death. The room is for the longest path
    // of a home and three names.
    let environment = ["SWIFT_BACKTRACE=enable=no", CLINUX_ROOM + String(repeating: ".", count: Int(PATH_MAX) + 1024)]
    var pid: pid_t = 0
    let result = withCStrings([executable] + verb + options) { arguments in
      withCStrings(environment) { posix_spawn(&pid, executable, &actions, &attributes, arguments, $0) }
    }
    guard result == 0 else { throw .kernel(.unavailable, executable, "cannot start the warden", result) }
    return pid
  }
}
