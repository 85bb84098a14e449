import CLinux
import Glibc

/// posix_spawn(3) with all that every command shares: a process group of its own, no signal blocked, every disposition
/// the default, standard input /dev/null, output appended to scratch files.
struct CommandSpawner: ~Copyable {
  private var attributes = posix_spawnattr_t()
  private var openFiles = OpenFileLimit()

  init() {
    openFiles.raise()
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    // Not sigfillset(3): it leaves out the two signals that the C library keeps to itself, and those posix_spawn(3) would
    // then have the command ignore.
    withUnsafeMutableBytes(of: &all) { _ = $0.initializeMemory(as: UInt8.self, repeating: 0xFF) }
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
    let result = openFiles.lowered {
      posix_spawn(&pid, program, &actions, &attributes, command.arguments, command.environment)
    }
    return result == 0 ? .started(pid: pid) : .failed(errno: result)
  }
}
