import AstroSpool
import Glibc

/// The file a runner is reading, noted beside its lock for whoever finds it dead. Written without fsync: it survives the
/// process, and after a power cut no file is to blame.
final class ReadingMark {
  private let path: String
  private let bootID: String
  private var descriptor: Int32 = -1

  init(_ path: String, bootID: String) {
    self.path = path
    self.bootID = bootID
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Notes `file` while `body` reads it.
  func around<Result>(_ file: FileIdentity, _ body: () -> Result) -> Result {
    if descriptor < 0 { descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600) }
    // Where the mark cannot be written, a file that ends its runner is not found out; nothing else depends on it.
    var text = Array("\(Suspects.name(of: file)) \(bootID)\n".utf8)
    pwrite(descriptor, &text, text.count, 0)
    defer { pwrite(descriptor, "-", 1, 0) }
    return body()
  }

  /// What a runner that is dead was reading when it ended, by its ``Suspects/name(of:)``; `nil` when it ended with an
  /// earlier boot.
  static func left(at path: String, bootID: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 128)
    let count = read(descriptor, &bytes, bytes.count)
    let words = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).prefix { $0 != "\n" }.split(separator: " ")
    guard words.count == 2, words[1] == bootID, !words[0].hasPrefix("-") else { return nil }
    return String(words[0])
  }
}
