import AstroCore
import Glibc

/// The `stdout` of an attempt that this process performs, written as the answer comes: under another name, which it loses
/// when the answer is whole, so that a crash leaves none or all of it. Nothing is made for an empty answer.
///
/// No fsync: the runner makes the disk durable before it records the end. Each write is of one part into the page cache.
struct AnswerFile: ~Copyable {
  private let directory: RunDirectory
  private let key: AttemptKey
  private var descriptor: Int32 = -1

  init(_ key: AttemptKey, in directory: RunDirectory) {
    self.key = key
    self.directory = directory
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    unlink(part)
  }

  private var folder: String { directory.attempt(key) }
  private var part: String { folder + "/.stdout.part" }
  private var whole: String { folder + "/stdout" }

  mutating func write(_ bytes: [UInt8]) throws(Failure) {
    if bytes.isEmpty { return }
    if descriptor < 0 { try create() }
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw failure("cannot be written") }
      rest.removeFirst(count)
    }
  }

  /// The answer is whole.
  mutating func finish() throws(Failure) {
    guard descriptor >= 0 else {
      // What an earlier runner wrote for the same attempt before it was parked.
      unlink(whole)
      return
    }
    guard rename(part, whole) == 0 else { throw failure("cannot be put in place") }
    close(descriptor)
    descriptor = -1
  }

  private mutating func create() throws(Failure) {
    for path in [directory.path, "\(directory.path)/tasks", "\(directory.path)/tasks/\(key.task)", folder] {
      mkdir(path, 0o700)
    }
    unlink(part)  // Of a runner that died here.
    descriptor = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw failure("cannot be created") }
  }

  private func failure(_ message: String) -> Failure {
    let problem = errno
    return Failure(.io, subject: whole, message: message, errno: problem, reason: String(cString: strerror(problem)))
  }
}
