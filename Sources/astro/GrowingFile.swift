import AstroCore
import AstroRunner
import Glibc

/// A file of lines that others append to, and that is renamed away when it has become too large. Its lines are read in
/// order, over the rename, each once.
final class GrowingFile {
  let path: String
  private var parts: [Part] = []

  private struct Part {
    var descriptor: Int32
    var identity: Identity
    /// The beginning of a line whose end is not written yet.
    var rest: [UInt8] = []
  }

  private struct Identity: Equatable {
    var device: dev_t
    var inode: ino_t

    init?(_ path: String) {
      var status = stat()
      guard stat(path, &status) == 0 else { return nil }
      self.init(status)
    }

    init(_ status: stat) {
      device = status.st_dev
      inode = status.st_ino
    }
  }

  /// - Parameter predecessor: the name the file is renamed to, when the lines before the last rename are wanted as well.
  init(_ path: String, predecessor: String? = nil) throws(Failure) {
    self.path = path
    // The file itself first: were it renamed between the two, it would then be found twice, and not missed.
    try append(path)
    if let predecessor, let former = Identity(predecessor), former != parts.first?.identity {
      try append(predecessor)
      parts.reverse()
    }
  }

  deinit { for part in parts { close(part.descriptor) } }

  /// The lines that were added since the last call, without their newlines.
  func readLines(_ body: (ArraySlice<UInt8>) throws -> Void) throws {
    for index in parts.indices { try read(&parts[index], body) }
    guard let now = Identity(path), now != parts.last?.identity else { return }
    try append(path)
    if !parts.isEmpty { try read(&parts[parts.count - 1], body) }
    // A writer that had opened the former file just before the rename may still add to it; nobody adds to older ones.
    while parts.count > 2 { close(parts.removeFirst().descriptor) }
  }

  private func append(_ path: String) throws(Failure) {
    guard let descriptor = try FileTail.open(path) else { return }
    var status = stat()
    fstat(descriptor, &status)
    parts.append(Part(descriptor: descriptor, identity: Identity(status)))
  }

  private func read(_ part: inout Part, _ body: (ArraySlice<UInt8>) throws -> Void) rethrows {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = Glibc.read(part.descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      if count <= 0 { return }
      part.rest += buffer[..<count]
      var rest = part.rest[...]
      while let end = rest.firstIndex(of: 0x0A) {
        try body(rest[..<end])
        rest = rest[(end + 1)...]
      }
      part.rest = Array(rest)
    }
  }
}
