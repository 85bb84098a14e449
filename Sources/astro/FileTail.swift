import Glibc

/// Reads files of runs: regular ones only, links not followed.
enum FileTail {
  /// The last `count` bytes, or everything; `nil` when there is no such file.
  static func read(_ path: String, last count: Int = .max) -> [UInt8]? {
    guard let descriptor = open(path) else { return nil }
    defer { close(descriptor) }
    let size = Int(lseek(descriptor, 0, SEEK_END))
    lseek(descriptor, off_t(max(0, size - min(count, size))), SEEK_SET)
    return readOn(descriptor)
  }

  /// A file of /proc, which has no size to seek by; `nil` when it cannot be read.
  static func readStream(_ path: String) -> [UInt8]? {
    guard let descriptor = open(path) else { return nil }
    defer { close(descriptor) }
    return readOn(descriptor)
  }

  static func open(_ path: String) -> Int32? {
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      return nil
    }
    return descriptor
  }

  /// Everything from the descriptor's position on; a little more than `limit` at most.
  static func readOn(_ descriptor: Int32, atMost limit: Int = .max) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      if count <= 0 { return bytes }
      bytes += buffer[..<count]
      if bytes.count > limit { return bytes }
    }
  }
}
