import AstroCore
import Glibc

/// Reads a workflow file named on the command line; `-` is stdin.
enum WorkflowFile {
  static func read(_ path: String) throws -> [UInt8] {
    let descriptor = path == "-" ? STDIN_FILENO : Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw Self.failure(path, errno) }
    defer { if descriptor != STDIN_FILENO { close(descriptor) } }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw Self.failure(path, errno) }
    if path != "-", status.st_mode & S_IFMT != S_IFREG {
      throw Failure(.notFound, subject: path, message: "is not a regular file")
    }
    // Asked before and after: a pipe does not say how much will come.
    guard status.st_size <= Self.limit else { throw Self.tooLarge(path) }
    let bytes = FileTail.readOn(descriptor, atMost: Self.limit)
    guard bytes.count <= Self.limit else { throw Self.tooLarge(path) }
    return bytes
  }

  /// That of the spool, in bytes.
  private static let limit = 64 << 20

  private static func tooLarge(_ path: String) -> Failure {
    Failure(.invalidWorkflow, subject: path, message: "is larger than 64 MiB")
  }

  private static func failure(_ path: String, _ problem: Int32) -> Failure {
    Failure(
      .notFound, subject: path, message: "cannot be read", errno: problem, reason: String(cString: strerror(problem)))
  }
}
