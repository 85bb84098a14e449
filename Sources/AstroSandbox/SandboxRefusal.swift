import AstroCore
import Glibc

/// Why code was not run. Left in the directory of its attempt, because the exit code alone could be the code's own.
public struct SandboxRefusal: Error, Sendable, Equatable {
  /// One sentence.
  public let reason: String
  /// The machine is at fault, not the task.
  public let infrastructure: Bool

  init(_ reason: String, infrastructure: Bool = true) {
    self.reason = reason
    self.infrastructure = infrastructure
  }

  /// How a reason ends of which the engine has said more.
  static let seeStderr = ": see stderr"

  /// The exit code that goes with it.
  public static let exitCode = ExitCode.unavailable.rawValue

  private static func path(in folder: String) -> String { folder + "/refusal.json" }

  func leave(in folder: String) {
    let bytes = Array(
      (JSONValue.map(["reason": .string(reason), "infrastructure": .bool(infrastructure)]).json + "\n").utf8)
    let file = open(Self.path(in: folder), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard file >= 0 else { return }
    _ = write(file, bytes, bytes.count)
    close(file)
  }

  /// Takes away what an earlier try of the same attempt has left.
  public static func forget(in folder: String) { unlink(path(in: folder)) }

  /// The one that was left in the directory of an attempt.
  public init?(leftIn folder: String) {
    let file = open(Self.path(in: folder), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 16 << 10)
    let count = read(file, &bytes, bytes.count)
    guard count > 0, let json = try? JSONReader.parse(Array(bytes[..<count])), let reason = json["reason"]?.string
    else { return nil }
    self.init(reason, infrastructure: json["infrastructure"] == .bool(true))
  }
}
