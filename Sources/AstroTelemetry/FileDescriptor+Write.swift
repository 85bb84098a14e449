import Glibc

/// How much of a buffer reached a file.
enum WriteOutcome: Equatable {
  case complete
  /// The call failed with `errno` after `written` bytes had been taken.
  case failed(errno: Int32, written: Int)
}

/// write(2) until everything is taken: one call in the usual case, more only after a short write or a signal.
func writeFully(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> WriteOutcome {
  var done = 0
  while done < bytes.count {
    let count = write(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
    if count > 0 {
      done += count
    } else if count == 0 {
      // Not specified for regular files; taken as "no room", or the loop would spin.
      return .failed(errno: ENOSPC, written: done)
    } else if errno != EINTR {
      return .failed(errno: errno, written: done)
    }
  }
  return .complete
}
