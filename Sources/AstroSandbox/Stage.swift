import AstroCore
import CLinux
import Glibc

/// Where root shows to a user what that user could not reach by its path: bind mounts on a small file system of their own, which
/// ends with the last process that sees it.
final class Stage {
  /// Nobody's home lies there, and no engine looks for anything there.
  private static let path = "/sys"
  private var count = 0

  init() throws(SandboxRefusal) {
    guard clinux_own_mounts() == 0 else { throw Self.refusal("mounts of its own cannot be had") }
    let flags = UInt(MS_NOSUID | MS_NODEV | MS_NOEXEC)
    guard mount("astro", Self.path, "tmpfs", flags, "mode=755,size=1m") == 0 else {
      throw Self.refusal("cannot mount on \(Self.path)")
    }
  }

  /// - Returns: where it is to be seen.
  func show(_ source: String, isDirectory: Bool) throws(SandboxRefusal) -> String {
    let target = "\(Self.path)/\(count)"
    count += 1
    let isMade: Bool
    if isDirectory {
      isMade = mkdir(target, 0o755) == 0
    } else {
      let file = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
      isMade = file >= 0
      if isMade { close(file) }
    }
    guard isMade, mount(source, target, nil, UInt(MS_BIND), nil) == 0 else {
      throw Self.refusal("cannot mount on \(target)")
    }
    return target
  }

  private static func refusal(_ what: String) -> SandboxRefusal {
    SandboxRefusal("\(what): \(String(cString: strerror(errno)))")
  }
}
