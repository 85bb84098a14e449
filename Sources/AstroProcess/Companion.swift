import AstroCore
import CLinux
import Glibc

/// A process of ours beside the runner, which looks after others: a warden, a keeper.
///
/// In a session of its own, so that neither the terminal nor a signal to the runner's group reaches it, without a blocked or
/// ignored signal, and with nothing open but what is given, so that it keeps nobody's pipe or lock.
struct Companion {
  /// For people: `a keeper`.
  let title: String
  /// The first is the program, by its path.
  let arguments: [String]
  /// The whole environment, `NAME=value` each.
  let environment: [String]
  /// Its descriptors from 0 on, which stay ours too; `nil` is /dev/null.
  let descriptors: [Int32?]

  /// - Returns: its pid, a child of this process.
  func spawn() throws(Failure) -> Int32 {
    var attributes = posix_spawnattr_t()
    var actions = posix_spawn_file_actions_t()
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_init(&attributes)
    posix_spawn_file_actions_init(&actions)
    // Higher than any number that is to be taken: the runner may have been started without standard streams, and have
    // them as 0 to 3.
    let high = descriptors.map { $0.map { fcntl($0, F_DUPFD_CLOEXEC, 10) } }
    defer {
      for case let number? in high { close(number) }
      posix_spawnattr_destroy(&attributes)
      posix_spawn_file_actions_destroy(&actions)
    }
    let flags = clinux_spawn_setsid() | Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)
    posix_spawnattr_setflags(&attributes, flags)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    for (number, source) in high.enumerated() {
      if let source {
        posix_spawn_file_actions_adddup2(&actions, source, Int32(number))
      } else {
        posix_spawn_file_actions_addopen(&actions, Int32(number), "/dev/null", O_RDWR, 0)
      }
    }
    clinux_spawn_close_from(&actions, Int32(descriptors.count))
    clinux_spawn_chdir(&actions, "/")
    var pid: pid_t = 0
    let result = withCStrings(arguments) { arguments in
      withCStrings(environment) { posix_spawn(&pid, self.arguments[0], &actions, &attributes, arguments, $0) }
    }
    guard result == 0 else { throw .kernel(.unavailable, arguments[0], "cannot start \(title)", result) }
    return pid
  }
}
