public import AstroCore
import Crypto
import Glibc

/// A file that a task gives to its agent. It lies below the run's `files/`: the runner reads it with its own rights, and
/// whoever wrote the workflow need not have them.
public struct InputFile: Sendable {
  let name: String
  /// `files/` of the run.
  let directory: String

  public init(name: String, directory: String) {
    self.name = name
    self.directory = directory
  }

  /// Its size in bytes.
  func size() throws(Failure) -> Int {
    let descriptor = try open()
    defer { close(descriptor) }
    return Int(try status(descriptor).st_size)
  }

  /// What tells a later content of it from this one without reading it: which file it is, its size, and when it was last
  /// written or changed. The time of change is nobody's to set.
  public func look() throws(Failure) -> String {
    let descriptor = try open()
    defer { close(descriptor) }
    return Self.look(try status(descriptor))
  }

  /// What is in it, and how it looked before it was read.
  struct Digest: Sendable {
    /// The SHA-256 of its content, in hexadecimal.
    var content: String
    var look: String
  }

  /// - Parameter isWanted: asked before each piece; when it is not any more, `interrupted` is thrown.
  func digest(while isWanted: () -> Bool) throws(Failure) -> Digest {
    let descriptor = try open()
    defer { close(descriptor) }
    let look = Self.look(try status(descriptor))
    var hash = SHA256()
    var piece = [UInt8](repeating: 0, count: 256 << 10)
    while true {
      guard isWanted() else {
        throw Failure(
          .interrupted, subject: "input file '\(Terminal.printable(name))'", message: "is not read to its end")
      }
      let count = Glibc.read(descriptor, &piece, piece.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure("cannot be read", errno: errno) }
      if count == 0 { break }
      piece.withUnsafeBytes { hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }
    return Digest(content: hash.finalize().hexText, look: look)
  }

  private static func look(_ status: stat) -> String {
    let (written, changed) = (status.st_mtim, status.st_ctim)
    return "\(status.st_dev):\(status.st_ino) \(status.st_size) \(written.tv_sec).\(written.tv_nsec) "
      + "\(changed.tv_sec).\(changed.tv_nsec)"
  }

  /// All of it.
  /// - Parameter limit: the most it may hold, in bytes.
  func read(limit: Int) throws(Failure) -> [UInt8] {
    let descriptor = try open()
    defer { close(descriptor) }
    let size = Int(try status(descriptor).st_size)
    guard size <= limit else {
      throw failure("is larger than \(Notation.spell(bytes: Int64(limit)))")
    }
    var problem: Int32?
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
      while filled < buffer.count {
        let got = pread(descriptor, buffer.baseAddress! + filled, buffer.count - filled, off_t(filled))
        if got < 0, errno == EINTR { continue }
        if got < 0 { problem = errno }
        if got <= 0 { break }
        filled += got
      }
    }
    if let problem { throw failure("cannot be read", errno: problem) }
    return bytes
  }

  /// Whether a name spells a path below a directory: relative, and each step a name.
  static func isBelow(_ name: String) -> Bool { steps(of: name).allSatisfy { !["", "..", "."].contains($0) } }

  private static func steps(of name: String) -> [Substring] {
    name.split(separator: "/", omittingEmptySubsequences: false)
  }

  /// Each step by itself and through no link, so that no spelling leads out of the directory.
  private func open() throws(Failure) -> Int32 {
    let steps = Self.steps(of: name)
    guard let last = steps.last, Self.isBelow(name) else {
      throw failure("is not a path below the run's files")
    }
    var place = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    for step in steps.dropLast() where place >= 0 {
      let next = openat(place, String(step), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      let problem = errno
      close(place)
      errno = problem
      place = next
    }
    guard place >= 0 else { throw failure("cannot be opened", errno: errno) }
    let descriptor = openat(place, String(last), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    let problem = errno
    close(place)
    guard descriptor >= 0 else { throw failure("cannot be opened", errno: problem) }
    return descriptor
  }

  private func status(_ descriptor: Int32) throws(Failure) -> stat {
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw failure("is no regular file")
    }
    return status
  }

  private func failure(_ message: String, errno: Int32? = nil) -> Failure {
    Failure(
      .notFound, subject: "input file '\(Terminal.printable(name))'", message: message, errno: errno,
      reason: errno.map { String(cString: strerror($0)) })
  }
}
