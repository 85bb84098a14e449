import CLinux
import Glibc

/// Files in memory that an engine is given by number; it reads and closes them before it runs anything.
struct GivenFiles: ~Copyable {
  private var descriptors: [Int32] = []

  mutating func add(_ bytes: [UInt8]) throws(SandboxRefusal) -> Int32 {
    try keep(bytes.withUnsafeBytes { clinux_memory_file($0.baseAddress, $0.count) })
  }

  /// The filter of system calls.
  mutating func addFilter() throws(SandboxRefusal) -> Int32? {
    let filter = clinux_system_call_filter()
    if filter < 0, errno == ENOSYS { return nil }
    return try keep(filter)
  }

  private mutating func keep(_ descriptor: Int32) throws(SandboxRefusal) -> Int32 {
    guard descriptor >= 0 else {
      throw SandboxRefusal("no file in memory can be had: \(String(cString: strerror(errno)))")
    }
    descriptors.append(descriptor)
    return descriptor
  }

  /// Standard input from here on; `nil` is empty.
  func setInput(_ bytes: [UInt8]?) throws(SandboxRefusal) {
    let file =
      bytes.map { $0.withUnsafeBytes { clinux_memory_file($0.baseAddress, $0.count) } }
      ?? open("/dev/null", O_RDONLY | O_CLOEXEC)
    guard file >= 0, dup2(file, STDIN_FILENO) == STDIN_FILENO else {
      throw SandboxRefusal("no file in memory can be had: \(String(cString: strerror(errno)))")
    }
    close(file)
  }

  /// Lets the program that this process becomes have them.
  func pass() { for descriptor in descriptors { _ = fcntl(descriptor, F_SETFD, 0) } }
}
