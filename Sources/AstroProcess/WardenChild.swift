import AstroCore
import CLinux
import Glibc

/// A command the warden has started and not yet reaped.
struct WardenChild {
  let key: AttemptKey
  let pid: Int32
  let startedAt: Timestamp
  /// CLOCK_BOOTTIME in microseconds.
  let startedBoot: Int64
  let stdout: ScratchFile
  let stderr: ScratchFile
  let group: ControlGroup?

  /// The whole group at once. Its number is the leader's pid, which nobody else can have while the leader is unreaped.
  func signalGroup(_ signo: Int32) { kill(-pid, signo) }
}

/// A process that has ended and is still a zombie.
enum Zombie {
  /// The next one in any order, left unreaped so that its number and its group stay its own; nil when there is none.
  static func next() -> Int32? {
    var info = siginfo_t()
    while waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 {
      if errno != EINTR { return nil }
    }
    let pid = info._sifields._sigchld.si_pid
    return pid > 0 ? pid : nil
  }

  /// Reaps it: from here on its number may be used again.
  static func reap(_ pid: Int32) -> (status: WaitStatus, usage: ResourceUsage)? {
    var status: Int32 = 0
    var usage = rusage()
    while wait4(pid, &status, 0, &usage) != pid {
      if errno != EINTR { return nil }
    }
    return (decode(status), resources(usage))
  }

  /// wait(2): the low seven bits are the signal, zero for a normal exit; the code is the byte above.
  private static func decode(_ status: Int32) -> WaitStatus {
    status & 0x7F == 0 ? .exited(status >> 8 & 0xFF) : .signalled(status & 0x7F)
  }

  /// `ru_maxrss` is never less than what the warden itself held when it spawned the command: execve(2) counts the memory
  /// of the image it replaces, and that is the warden's.
  private static func resources(_ usage: rusage) -> ResourceUsage {
    func microseconds(_ time: timeval) -> Int64 { Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_usec) }
    return ResourceUsage(
      userMicroseconds: microseconds(usage.ru_utime), systemMicroseconds: microseconds(usage.ru_stime),
      peakKiB: Int64(usage.ru_maxrss))
  }
}

/// The wall clock in microseconds.
func wallClock() -> Timestamp {
  var now = timespec()
  clock_gettime(CLOCK_REALTIME, &now)
  return Timestamp(microseconds: Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000)
}

extension ResourceUsage {
  /// With a peak that was counted for the attempt alone, where one was.
  func with(peakKiB: Int64?) -> ResourceUsage {
    var usage = self
    usage.peakKiB = peakKiB ?? usage.peakKiB
    return usage
  }
}
