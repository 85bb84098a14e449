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

  /// Removes the container, be it running, and then the record.
  /// - Returns: whether it is gone.
  @discardableResult
  func remove(environment: [String: String]) -> Bool {
    let words = program.hasSuffix("/docker") ? ["rm", "-f", name] : ["rm", "-f", "-t", "0", "--ignore", name]
    let result = ShortProgram(arguments: [program] + words, environment: environment).run(within: .seconds(30))
    // One that was never made is no failure: of that docker says so by its code only.
    guard result.ending == .exited(0) || result.output.contains("No such container") else { return false }
    unlink(path)
    return true
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
