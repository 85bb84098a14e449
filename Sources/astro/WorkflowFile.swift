import AstroCore
import Glibc

/// Reads a workflow file named on the command line; `-` is stdin.
enum WorkflowFile {
  /// In bytes.
  private static let most = 64 << 20

  static func read(_ path: String) throws -> [UInt8] {
    let descriptor = path == "-" ? STDIN_FILENO : Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw Self.failure(path, errno) }
    defer { if descriptor != STDIN_FILENO { close(descriptor) } }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw Self.failure(path, errno) }
    if path != "-", status.st_mode & S_IFMT != S_IFREG {
      throw Failure(.notFound, subject: path, message: "is not a regular file")
    }
    guard status.st_size <= most else {
      throw Failure(.invalidWorkflow, subject: path, message: "has \(status.st_size) bytes, \(most) are allowed")
    }
    return try readAll(descriptor, path, expecting: Int(status.st_size))
  }

  /// At most a byte more than may be: stdin may never end.
  private static func readAll(_ descriptor: Int32, _ path: String, expecting size: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(size)
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while bytes.count <= most {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure(path, errno) }
      if count == 0 { return bytes }
      bytes += buffer[..<count]
    }
    throw Failure(.invalidWorkflow, subject: path, message: "has more than \(most) bytes")
  }

  private static func failure(_ path: String, _ problem: Int32) -> Failure {
    Failure(
      .notFound, subject: path, message: "cannot be read", errno: problem, reason: String(cString: strerror(problem)))
  }
}
