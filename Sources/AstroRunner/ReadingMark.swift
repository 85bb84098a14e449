import AstroSpool
import CLinux
import Glibc

/// What a runner is reading, noted beside its lock for whoever finds it dead: a state of one byte (``State``), what is
/// read by its ``Suspects/name(of:)-(FileIdentity)``, and the boot. Written without fsync: it survives the process, and
/// after a power cut no file is to blame.
final class ReadingMark {
  private let path: String
  private let bootID: String
  private var descriptor: Int32 = -1

  private enum State {
    static let reading = "r"
    static let idle = "-"
    /// Written by the handler of the signal by which the runner crashed: see `clinux_mark_crash`.
    static let crashed = "!"
  }

  init(_ path: String, bootID: String) {
    self.path = path
    self.bootID = bootID
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Notes `name` while `body` reads it.
  func around<Result>(_ name: String, _ body: () -> Result) -> Result {
    if descriptor < 0 { descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600) }
    // Where the mark cannot be written, a file that ends its runner is not found out; nothing else depends on it.
    var text = Array("\(State.reading)\(name) \(bootID)\n".utf8)
    pwrite(descriptor, &text, text.count, 0)
    clinux_mark_crash(descriptor)
    defer {
      clinux_mark_crash(-1)
      pwrite(descriptor, State.idle, 1, 0)
    }
    return body()
  }

  /// What a dead runner was reading when it ended.
  struct Remains: Equatable {
    var name: String
    /// It ended by its own doing. Else it was killed, perhaps by chance.
    var isCrash: Bool
  }

  /// `nil` when it was reading nothing, or ended with an earlier boot.
  static func left(at path: String, bootID: String) -> Remains? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = read(descriptor, &bytes, bytes.count)
    let line = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).prefix { $0 != "\n" }
    let words = line.dropFirst().split(separator: " ")
    guard words.count == 2, words[1] == bootID, line.first != "-" else { return nil }
    return Remains(name: String(words[0]), isCrash: line.hasPrefix(State.crashed))
  }
}
