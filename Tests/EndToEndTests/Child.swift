import CLinux
import Foundation
import Glibc

/// A process of this one's, the leader of a group. A thread of its own waits for its end.
final class Child: Sendable {
  let pid: pid_t
  private let ending: Ending

  private final class Ending: @unchecked Sendable {
    let changed = NSCondition()
    var status: Int32?
  }

  /// Starts it with the signals as they are by default and nothing open but `streams`, as its descriptors 0 to 2.
  init(
    _ program: String, _ arguments: [String], in directory: String?, environment: [String: String], streams: [Int32]
  ) throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (number, stream) in streams.enumerated() {
      posix_spawn_file_actions_adddup2(&actions, stream, Int32(number))
    }
    if let directory { _ = clinux_spawn_chdir(&actions, directory) }
    _ = clinux_spawn_close_from(&actions, 3)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    let words = ([program] + arguments).map { strdup($0) }
    let variables = environment.map { strdup("\($0.key)=\($0.value)") }
    defer { for text in words + variables { free(text) } }
    var pid: pid_t = 0
    let problem = posix_spawn(&pid, program, &actions, &attributes, words + [nil], variables + [nil])
    guard problem == 0 else { throw POSIXError(POSIXErrorCode(rawValue: problem) ?? .EINVAL) }
    self.pid = pid
    let ending = Ending()
    self.ending = ending
    Thread.detachNewThread { [pid] in
      var information = siginfo_t()
      while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) != 0 {}
      // Reaped under the lock, no signal can ever meet another process of the same number.
      ending.changed.withLock {
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        ending.status = status
        ending.changed.broadcast()
      }
    }
  }

  /// Sends a signal to it, or to its whole group, unless it has ended.
  func signal(_ number: Int32, group: Bool = false) {
    ending.changed.withLock { if ending.status == nil { kill(group ? -pid : pid, number) } }
  }

  /// Waits for its end.
  /// - Returns: the exit code, or 128 and the signal, as a shell says it; nothing when it goes on for longer.
  func code(by deadline: Date) -> Int32? {
    ending.changed.withLock {
      while true {
        if let status = ending.status { return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F }
        if !ending.changed.wait(until: deadline) { return nil }
      }
    }
  }
}
