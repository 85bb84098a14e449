import Glibc

/// Whom the kernel kills when memory runs out (proc_pid_oom_score_adj(5)): the process with the most memory, an adjustment of 1
/// counting as a thousandth of all there is.
struct OOMScore: ~Copyable {
  /// So much more than the warden has: it is spared unless it holds a fifth of the memory more than any command.
  private static let distance = 200

  /// nil where /proc does not let it be changed: then the kernel chooses as it always does.
  private let adjustment: Descriptor?
  private let own: String
  private let ofCommands: String

  init() {
    let file = Descriptor(opening: "/proc/self/oom_score_adj", O_RDWR)
    let number = ControlFile.number(in: "/proc/self/oom_score_adj")
    own = String(number ?? 0)
    ofCommands = String(min(1000, (number ?? 0) + Int64(Self.distance)))
    adjustment = number == nil ? nil : file
  }

  /// Runs `body`, which starts a command: it inherits ours of that moment. Through the one file that stays open, because to
  /// open its own costs a command a twentieth of its start.
  func raised<Result>(_ body: () -> Result) -> Result {
    set(ofCommands)
    defer { set(own) }
    return body()
  }

  private func set(_ value: String) {
    switch adjustment {
    case .some(let file): _ = ControlFile.write(value, to: file)
    case .none: break
    }
  }
}
