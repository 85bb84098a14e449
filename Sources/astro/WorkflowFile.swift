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
    guard status.st_size <= 64 << 20 else {
      throw Failure(.invalidWorkflow, subject: path, message: "has \(status.st_size) bytes, \(64 << 20) are allowed")
    }
    return FileTail.readOn(descriptor)
  }

  private static func failure(_ path: String, _ problem: Int32) -> Failure {
    Failure(
      .notFound, subject: path, message: "cannot be read", errno: problem, reason: String(cString: strerror(problem)))
  }
}
