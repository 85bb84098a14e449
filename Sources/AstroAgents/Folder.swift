import AstroCore
import Glibc

/// Files an attempt leaves that its agent writes itself.
enum Folder {
  /// Makes a directory and those above it that are missing.
  static func make(_ path: String) throws(Failure) {
    if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
    if errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex {
      try make(String(path[..<slash]))
      if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
    }
    throw Failure(
      .cannotCreate, subject: path, message: "cannot be made", errno: errno,
      reason: String(cString: strerror(errno)))
  }

  /// Puts a file there, whole or not at all.
  static func write(_ bytes: [UInt8], as name: String, in directory: String) throws(Failure) {
    let path = "\(directory)/\(name)"
    let temporary = "\(directory)/.\(name)"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
    var done = 0
    while descriptor >= 0, done < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + done, bytes.count - done) }
      if count < 0, errno != EINTR { break }
      done += max(0, count)
    }
    let problem = errno
    if descriptor >= 0 { close(descriptor) }
    guard descriptor >= 0, done == bytes.count else { throw failure(path, problem) }
    guard rename(temporary, path) == 0 else { throw failure(path, errno) }
  }

  private static func failure(_ path: String, _ problem: Int32) -> Failure {
    Failure(
      .io, subject: path, message: "cannot be written", errno: problem, reason: String(cString: strerror(problem)))
  }
}
