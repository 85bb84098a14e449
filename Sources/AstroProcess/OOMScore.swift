import Glibc

/// Whom the kernel kills when memory runs out (proc_pid_oom_score_adj(5)): the process with the most memory, an adjustment of 1
/// counting as a thousandth of all there is.
enum OOMScore {
  /// So much more than the warden has: it is spared unless it holds a fifth of the memory more than any command.
  private static let distance = 200

  /// What commands of this process are given, with its NUL; nothing where /proc does not tell.
  static var ofCommands: [CChar] {
    guard let bytes = Descriptor(opening: "/proc/self/oom_score_adj", O_RDONLY)?.readAll(),
      let own = Int(String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self))
    else { return [0] }
    return Array(String(min(1000, own + distance)).utf8CString)
  }
}
