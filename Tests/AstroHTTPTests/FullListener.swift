import Glibc

/// A port of loopback whose queue is full and never emptied: the kernel drops every further attempt to connect.
final class FullListener {
  let port: Int
  private var descriptors: [Int32] = []

  init() {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    descriptors = [listener]
    // A queue of length 0 holds one; a second attempt is the first that hangs.
    let attempts = (0..<3).map { _ in
      socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC | Int32(SOCK_NONBLOCK.rawValue), 0)
    }
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        precondition(bind(listener, address, length) == 0 && listen(listener, 0) == 0)
        precondition(getsockname(listener, address, &length) == 0)
        for attempt in attempts { _ = connect(attempt, address, length) }
      }
    }
    descriptors += attempts
    port = Int(UInt16(bigEndian: address.sin_port))
  }

  deinit { for descriptor in descriptors { close(descriptor) } }
}
