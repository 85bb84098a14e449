public import AstroCore
import Glibc

/// Reads files of a home: regular ones only, links not followed. One that is there and may not be read is an error: it
/// must not pass for one that says nothing.
public enum FileTail {
  /// The last `count` bytes, or everything; `nil` when there is no such file.
  public static func read(_ path: String, last count: Int = .max) throws(Failure) -> [UInt8]? {
    guard let descriptor = try open(path) else { return nil }
    defer { close(descriptor) }
    let size = Int(lseek(descriptor, 0, SEEK_END))
    lseek(descriptor, off_t(max(0, size - min(count, size))), SEEK_SET)
    return readOn(descriptor)
  }

  /// A file of /proc, which has no size to seek by; `nil` when it cannot be read.
  public static func readStream(_ path: String) -> [UInt8]? {
    guard let descriptor = try? open(path) else { return nil }
    defer { close(descriptor) }
    return readOn(descriptor)
  }

  /// `nil` when there is no such file, or while somebody looks at it (a lease, fcntl(2)).
  public static func open(_ path: String) throws(Failure) -> Int32? {
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else {
      let problem = errno
      if [ENOENT, ENOTDIR, EAGAIN].contains(problem) { return nil }
      throw Failure(
        .io, subject: path, message: "cannot be read", errno: problem, reason: String(cString: strerror(problem)))
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      return nil
    }
    return descriptor
  }

  /// Everything from the descriptor's position on.
  public static func readOn(_ descriptor: Int32) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      if count <= 0 { return bytes }
      bytes += buffer[..<count]
    }
  }
}
