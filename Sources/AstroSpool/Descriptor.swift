import AstroCore
import Glibc

/// An open file descriptor with one owner; closed when the owner lets go of it, which also gives up its lease.
struct Descriptor: ~Copyable {
  let number: Int32

  init(_ number: Int32) { self.number = number }
  deinit { close(number) }

  func status(of subject: @autoclosure () -> String) throws(Failure) -> FileStatus {
    var status = stat()
    guard fstat(number, &status) == 0 else { throw .system(subject(), "cannot read its status", errno) }
    return FileStatus(status)
  }

  /// Makes its content (or, of a directory, its names) durable. A failure is never retried: the kernel has then
  /// marked the pages clean, and a second fsync(2) would succeed although the data is lost.
  func synchronize(_ subject: @autoclosure () -> String) throws(Failure) {
    guard fsync(number) != 0 else { return }
    let problem = errno
    throw Failure(
      .notDurable, subject: subject(), message: "cannot make it durable", errno: problem,
      reason: String(cString: strerror(problem)))
  }

  /// The `count` bytes from `offset` on; fewer when the file ends before.
  func read(_ count: Int, from offset: Int64, _ subject: @autoclosure () -> String) throws(Failure) -> [UInt8] {
    var problem: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let target = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[filled...])
        let got = uninterrupted { pread(number, target.baseAddress, target.count, off_t(offset) + filled) }
        if got < 0 { problem = errno }
        if got <= 0 { return }
        filled += got
      }
    }
    guard problem == 0 else { throw .system(subject(), "cannot read it", problem) }
    return bytes
  }

  func write(_ bytes: [UInt8], _ subject: @autoclosure () -> String) throws(Failure) {
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        let rest = UnsafeRawBufferPointer(rebasing: buffer[written...])
        return uninterrupted { Glibc.write(number, rest.baseAddress, rest.count) }
      }
      guard count >= 0 else { throw .system(subject(), "cannot write it", errno) }
      written += count
    }
  }
}
