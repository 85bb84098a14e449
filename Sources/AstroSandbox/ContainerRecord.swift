import AstroCore
import CLinux
import Glibc

/// That a container was made for an attempt, kept in the attempt's directory for as long as the container may be there. It is no
/// child of anybody of ours: whoever is killed leaves it running, and somebody else finds this.
struct ContainerRecord {
  let path: String
  /// The engine's program.
  let program: String
  let name: String

  private static let fileName = "container"

  static func path(in folder: String) -> String { "\(folder)/\(fileName)" }

  /// For a container that is about to be made. Its name says which directory it belongs to, by number: a copy of the home has the same file in
  /// another directory, and nothing to do with the container.
  init(for folder: String, program: String) throws(SandboxRefusal) {
    guard let mark = Self.mark(of: folder) else {
      throw SandboxRefusal("\(folder) cannot be looked at: \(String(cString: strerror(errno)))")
    }
    path = Self.path(in: folder)
    self.program = program
    name = "astro-\(mark)-\(getpid())"
    let text = Array("\(program)\n\(name)\n".utf8)
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw Self.refusal(path) }
    defer { close(file) }
    // Durable: after a power cut engines that restart containers would have this one alone.
    guard write(file, text, text.count) == text.count, fsync(file) == 0 else { throw Self.refusal(path) }
  }

  /// The one that was kept; `nil` when there is none, or when it is of another directory.
  init?(at path: String) {
    let file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = read(file, &bytes, bytes.count)
    let lines = String(decoding: bytes[..<max(0, count)], as: UTF8.self).split(separator: "\n").map { String($0) }
    let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    guard lines.count == 2, let mark = Self.mark(of: folder), lines[1].hasPrefix("astro-\(mark)-") else { return nil }
    self.path = path
    program = lines[0]
    name = lines[1]
  }

  private static func mark(of folder: String) -> String? {
    var status = stat()
    return stat(folder, &status) == 0
      ? "\(String(status.st_dev, radix: 16))-\(String(status.st_ino, radix: 16))" : nil
  }

  /// Removes the container, be it running, and then the record. An engine that removes it for two at a time may tell one
  /// of them that it is gone, and then let the other fail: the engine's list is what counts, and it is told again.
  /// - Returns: whether it is gone; of an engine that cannot say so it is not known. It takes up to 30 seconds to find out.
  @discardableResult
  func remove(environment: [String: String]) -> Bool {
    let until = clinux_boot_microseconds() + Duration.seconds(30).microseconds
    func run(_ words: [String]) -> ShortProgram.Result {
      let left = max(0, until - clinux_boot_microseconds())
      return ShortProgram(arguments: [program] + words, environment: environment).run(within: .microseconds(left))
    }
    var pause = Duration.milliseconds(50)
    while true {
      // Its code does not matter where it can list: docker's tells of a container that was never made.
      _ = run(program.hasSuffix("/docker") ? ["rm", "-f", name] : ["rm", "-f", "-t", "0", "--ignore", name])
      let listed = run(["ps", "-a", "--filter", "name=^\(name)$", "--format", "{{.Names}}"])
      guard listed.ending == .exited(0) else { return false }
      guard listed.output.contains(name) else {
        unlink(path)
        return true
      }
      guard clinux_boot_microseconds() + pause.microseconds < until else { return false }
      usleep(UInt32(pause.microseconds))
      pause = min(pause * 2, .seconds(2))
    }
  }

  private static func refusal(_ path: String) -> SandboxRefusal {
    SandboxRefusal("\(path) cannot be written: \(String(cString: strerror(errno)))")
  }
}

/// What an attempt in a sandbox may have left when it was killed.
public enum SandboxRemains {
  /// Whether a container may be left of the attempt with that directory.
  public static func areLeft(in folder: String) -> Bool {
    ContainerRecord(at: ContainerRecord.path(in: folder)) != nil
  }

  /// Begins to remove it, and does not wait.
  /// - Parameters:
  ///   - executable: the program with the hidden verb ``Sandbox``.
  ///   - environment: that of the engines.
  /// - Returns: the pid of the remover, to be reaped; `nil` when there is none.
  public static func remove(in folder: String, executable: String, environment: [String: String]) -> Int32? {
    var streams = SpawnActions()
    for stream: Int32 in 0...2 { streams.open("/dev/null", as: stream) }
    let words = [executable, Sandbox.verb, "--remove", ContainerRecord.path(in: folder)]
    let pid = streams.spawn(words, environment)
    return pid > 0 ? pid : nil
  }
}
