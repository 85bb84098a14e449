import Glibc

/// The environment a process was started with (proc_pid_environ(5)).
enum ProcessEnvironment {
  /// `NAME=value` each with a NUL after it.
  case variables([UInt8])
  /// It is in the middle of execve(2): the old image is gone and the new one has neither arguments nor environment yet.
  /// Nothing tells when it is through, which takes microseconds: look again.
  case becoming
  /// It has ended, or belongs to somebody else.
  case hidden
  /// There was no descriptor or no memory to look with; `errno` says what.
  case unavailable

  static func read(_ pid: Int32) -> ProcessEnvironment {
    guard let bytes = Descriptor(opening: "/proc/\(pid)/environ", O_RDONLY)?.readAll() else {
      return [EMFILE, ENFILE, ENOMEM].contains(errno) ? .unavailable : .hidden
    }
    guard bytes.isEmpty else { return .variables(bytes) }
    guard let arguments = Descriptor(opening: "/proc/\(pid)/cmdline", O_RDONLY)?.readAll() else { return .hidden }
    if arguments.isEmpty {
      guard let status = ProcessStatus(pid: pid), !status.isEnding, !status.isKernelThread else { return .hidden }
      return .becoming
    }
    // It may have been becoming at the first look and be through at the second.
    return .variables(Descriptor(opening: "/proc/\(pid)/environ", O_RDONLY)?.readAll() ?? [])
  }
}
