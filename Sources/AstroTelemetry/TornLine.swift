import CLinux
import Glibc

/// The end of a file of lines that several processes append to.
public enum TornLine {
  /// Whether the last writer was cut off inside a line, by a full disk or a power cut: the next line must then begin with
  /// a newline, or it would be lost with that one.
  ///
  /// The size of a file grows while one write(2) is copied in, so the end of another process's line in the making looks
  /// the same, and a newline after it would leave an empty line. That is told apart by waiting for the write in progress
  /// to end: a torn line has the same end afterwards.
  public static func isAtEnd(of descriptor: Int32) -> Bool {
    guard var size = sizeOfTorn(descriptor) else { return false }
    // Whoever always finds a line in the making has found a file that is being written well.
    for _ in 0..<100 {
      clinux_wait_for_write(descriptor)
      guard let again = sizeOfTorn(descriptor) else { return false }
      if again == size { return true }
      size = again
    }
    return false
  }

  /// The size of a regular file whose last byte is no newline; `nil` of any other.
  private static func sizeOfTorn(_ descriptor: Int32) -> off_t? {
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size > 0 else { return nil }
    var last: UInt8 = 0x0A
    return pread(descriptor, &last, 1, status.st_size - 1) == 1 && last != 0x0A ? status.st_size : nil
  }
}
