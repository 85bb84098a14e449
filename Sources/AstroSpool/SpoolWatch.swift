public import AstroCore
import Glibc

/// Hears of new files in one directory through inotify(7).
///
/// What it tells is a hint that makes the runner fast; listing the spool now and then is what makes it right: events
/// are lost when the queue overflows, and never come from other machines on a shared file system. Where no watch can
/// be had, because a user's instances or watches are used up, it says so and the caller lists the spool instead.
public final class SpoolWatch {
  public enum Mode: Sendable, Equatable {
    /// Poll this descriptor for input, then call ``readEvents()``.
    case events(descriptor: Int32)
    /// There are no events; why.
    case polling(Failure)
  }

  public let mode: Mode
  private let descriptor: Descriptor?

  /// Closed after writing and renamed in are how files arrive; creation is all that is ever heard of a link.
  private static let mask =
    UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO) | UInt32(IN_CREATE) | UInt32(IN_DELETE_SELF) | UInt32(IN_MOVE_SELF)
    | UInt32(IN_ONLYDIR)

  init(path: String, create: () -> Int32 = { inotify_init1(Int32(O_CLOEXEC | O_NONBLOCK)) }) {
    let number = create()
    guard number >= 0 else {
      mode = .polling(.system(path, "cannot watch it, it is polled instead", errno))
      descriptor = nil
      return
    }
    if inotify_add_watch(number, path, Self.mask) >= 0 {
      mode = .events(descriptor: number)
      descriptor = Descriptor(number)
    } else {
      mode = .polling(.system(path, "cannot watch it, it is polled instead", errno))
      close(number)
      descriptor = nil
    }
  }

  /// What was heard since the last call, up to 64 KiB of it: the descriptor stays readable while there is more. Never
  /// blocks.
  public func readEvents() -> SpoolChange {
    switch descriptor {
    case .none: return .none
    case .some(let open):
      return withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 8) { buffer in
        let count = uninterrupted { read(open.number, buffer.baseAddress, buffer.count) }
        if count > 0 { return SpoolChange(events: UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
        // Nothing to read is the usual end; for any other error a listing is the safe answer.
        return count == 0 || errno == EAGAIN ? .none : .rescan
      }
    }
  }
}
