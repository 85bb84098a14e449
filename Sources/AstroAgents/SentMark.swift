import AstroCore
import Glibc

/// That a request which must not be sent twice may have been sent: a file in the attempt's directory, durable before the
/// request leaves. A runner that finds it in an attempt without an outcome knows that another one died in between, and not
/// whether the request was carried out.
struct SentMark {
  private let folder: String

  init(_ key: AttemptKey, in directory: RunDirectory) { folder = directory.attempt(key) }

  private var path: String { folder + "/.sent" }

  /// - Returns: whether it is new; false when the request may have been sent already.
  func set() throws(Failure) -> Bool {
    try Folder.make(folder)
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      if errno == EEXIST { return false }
      throw failure("cannot be created")
    }
    defer { close(descriptor) }
    let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    defer { close(directory) }
    guard fsync(descriptor) == 0, fsync(directory) == 0 else { throw failure("cannot be made durable") }
    return true
  }

  /// The server has said that it did nothing.
  func clear() { unlink(path) }

  private func failure(_ message: String) -> Failure {
    let problem = errno
    return Failure(.io, subject: path, message: message, errno: problem, reason: String(cString: strerror(problem)))
  }
}
