import AstroCore
import CLinux
import Glibc

/// posix_spawn(3) with all that every command shares: a process group of its own, no signal blocked, every disposition
/// the default, standard input /dev/null, output appended to scratch files.
struct CommandSpawner: ~Copyable {
  private var attributes = posix_spawnattr_t()

  init() {
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_init(&attributes)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
  }

  deinit {
    var attributes = attributes
    posix_spawnattr_destroy(&attributes)
  }

  /// What to run, as pointers into the frame it came in.
  struct Command {
    let workdir: UnsafeMutablePointer<CChar>
    /// argv and envp, each with its final null.
    let arguments: [UnsafeMutablePointer<CChar>?]
    let environment: [UnsafeMutablePointer<CChar>?]
    /// At which end of the warden's it starts; 0 is now, nil a number that is none.
    let end: UInt64?

    /// nil when the frame does not hold as many strings as it says, or no program.
    init?(_ frame: WireFrame) {
      let argumentCount = Int(frame.first)
      let variableCount = Int(frame.second)
      guard argumentCount > 0, variableCount >= 0,
        let strings = frame.pointers(count: 1 + argumentCount + variableCount + (frame.kind == .hold ? 1 : 0))
      else { return nil }
      workdir = strings[0]
      arguments = strings[1...argumentCount].map(Optional.some) + [nil]
      environment = strings[(1 + argumentCount)...].prefix(variableCount).map(Optional.some) + [nil]
      end = frame.kind == .hold ? UInt64(String(cString: strings[strings.count - 1])) : 0
    }

    var program: String { arguments.first.flatMap { $0 }.map { String(cString: $0) } ?? "" }
    var directory: String { String(cString: workdir) }
  }

  enum Outcome {
    case started(pid: Int32)
    case failed(errno: Int32)
  }

  /// Starts `command`. If the caller is killed during the call, the child either dies or runs the command; the start
  /// record written before says that it may. Nothing is closed by hand: every descriptor of the warden is
  /// close-on-exec, and so a child that has not reached execve(2) still holds the warden's lock. When that lock is
  /// free, each command therefore shows its own environment in /proc, by which a successor finds it.
  mutating func spawn(_ command: Command, stdout: String, stderr: String) -> Outcome {
    var actions = posix_spawn_file_actions_t()
    guard posix_spawn_file_actions_init(&actions) == 0 else { return .failed(errno: ENOMEM) }
    defer { posix_spawn_file_actions_destroy(&actions) }
    let append = O_WRONLY | O_APPEND
    let failures = [
      posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0),
      posix_spawn_file_actions_addopen(&actions, 1, stdout, append, 0),
      posix_spawn_file_actions_addopen(&actions, 2, stderr, append, 0),
      clinux_spawn_chdir(&actions, command.workdir),
    ]
    if let failure = failures.first(where: { $0 != 0 }) { return .failed(errno: failure) }
    guard let program = command.arguments.first.flatMap({ $0 }) else { return .failed(errno: EINVAL) }
    var pid: pid_t = 0
    let result = posix_spawn(&pid, program, &actions, &attributes, command.arguments, command.environment)
    return result == 0 ? .started(pid: pid) : .failed(errno: result)
  }
}

/// Why posix_spawn(3) failed, in the words of the one who wrote the command.
struct SpawnRefusal: Equatable {
  let reason: String
  let infrastructure: Bool

  /// posix_spawn reports one number for the change of directory and the program alike, so the directory is looked at
  /// again: the right one must be blamed.
  init(errno number: Int32, program: String, workdir: String) {
    switch number {
    case EAGAIN, ENOMEM, EMFILE, ENFILE, ENOSPC, EIO, EDQUOT:
      self.init(reason: "cannot start a process: \(kernelWords(number))", infrastructure: true)
    default:
      let reason = Self.flaw(ofWorkdir: workdir) ?? Self.flaw(ofProgram: program, number)
      self.init(reason: reason, infrastructure: false)
    }
  }

  init(reason: String, infrastructure: Bool) {
    self.reason = reason
    self.infrastructure = infrastructure
  }

  private static func flaw(ofWorkdir path: String) -> String? {
    var status = stat()
    guard stat(path, &status) == 0 else {
      let number = errno
      return number == ENOENT || number == ENOTDIR
        ? "workdir does not exist: \(path)" : "workdir cannot be reached: \(path): \(kernelWords(number))"
    }
    guard status.st_mode & S_IFMT == S_IFDIR else { return "workdir is not a directory: \(path)" }
    return access(path, X_OK) == 0 ? nil : "workdir cannot be entered: \(path): \(kernelWords(errno))"
  }

  private static func flaw(ofProgram path: String, _ number: Int32) -> String {
    var status = stat()
    let found = stat(path, &status) == 0
    return switch number {
    case ENOENT where found: "the interpreter of the program does not exist: \(path)"
    case ENOENT, ENOTDIR: "no such program: \(path)"
    case EACCES where found && status.st_mode & S_IFMT == S_IFDIR: "the program is a directory: \(path)"
    case EACCES: "the program is not executable: \(path)"
    case ENOEXEC: "the program has no known format and no #! line: \(path)"
    case E2BIG: "arguments and environment are too large for the kernel"
    default: "cannot run the program: \(path): \(kernelWords(number))"
    }
  }
}
