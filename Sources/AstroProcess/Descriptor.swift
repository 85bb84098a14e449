import Glibc

/// An open file descriptor that is closed when its owner goes away, once, whatever path leaves the scope.
struct Descriptor: ~Copyable {
  let number: Int32

  init(owning number: Int32) { self.number = number }

  /// open(2) with O_CLOEXEC, so that no command ever inherits it; nil with `errno` set when it fails.
  init?(opening path: String, _ flags: Int32, mode: mode_t = 0o600) {
    let number = open(path, flags | O_CLOEXEC, mode)
    guard number >= 0 else { return nil }
    self.init(owning: number)
  }

  deinit { close(number) }

  /// Everything from the current position to the end; nil with `errno` set when a read fails.
  func readAll() -> [UInt8]? {
    var bytes: [UInt8] = []
    while true {
      switch readInto(&bytes, atMost: 65536) {
      case 0: return bytes
      case ..<0: if errno != EINTR { return nil }
      default: break
      }
    }
  }

  /// One read(2), appended to `bytes`; what read returned.
  func readInto(_ bytes: inout [UInt8], atMost count: Int) -> Int {
    withUnsafeTemporaryAllocation(byteCount: count, alignment: 1) { space in
      let got = read(number, space.baseAddress, count)
      if got > 0 { bytes.append(contentsOf: space[..<got]) }
      return got
    }
  }

  /// Whether the file has a name somewhere.
  var isNamed: Bool {
    var status = stat()
    return fstat(number, &status) == 0 && status.st_nlink > 0
  }

  /// The size in bytes, or nil when fstat(2) fails.
  var size: Int? {
    var status = stat()
    return fstat(number, &status) == 0 ? Int(status.st_size) : nil
  }
}
