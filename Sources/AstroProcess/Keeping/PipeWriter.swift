import Glibc
import Synchronization

/// The writing end of a pipe: takes what it is given at once and writes it as there is room, on the reactor's thread.
public final class PipeWriter: Sendable {
  private enum State {
    /// `isLast`: the end is to be closed once all is written. `token`: the reactor will say when there is room.
    case open(pending: [UInt8], isLast: Bool, token: UInt64?)
    case closed
  }

  /// The most that may wait for the other side to read, in bytes.
  static let limit = 16 << 20

  private let descriptor: Int32
  private let reactor: PipeReactor
  private let state = Mutex(State.open(pending: [], isLast: false, token: nil))

  init(owning descriptor: Int32, _ reactor: PipeReactor) {
    self.descriptor = descriptor
    self.reactor = reactor
  }

  deinit { close() }

  /// To an end that is gone nothing is written; that it is gone is told by what it says last.
  /// - Returns: false when the other side has left 16 MiB unread.
  @discardableResult public func write(_ bytes: some Sequence<UInt8>) -> Bool {
    state.withLock { state in
      guard case .open(var pending, false, let token) = state else { return true }
      guard pending.count <= Self.limit else { return false }
      pending += bytes
      state = .open(pending: pending, isLast: false, token: token ?? watch())
      return true
    }
  }

  /// Closes it when all that was given is written: the other side finds the end.
  public func finish() {
    state.withLock { state in
      guard case .open(let pending, _, let token) = state else { return }
      if pending.isEmpty { return close(&state) }
      state = .open(pending: pending, isLast: true, token: token)
    }
  }

  /// Closes it now.
  public func close() { state.withLock { close(&$0) } }

  private func close(_ state: inout State) {
    guard case .open(_, _, let token) = state else { return }
    if let token { reactor.forget(token) }
    state = .closed
    Glibc.close(descriptor)
  }

  private func watch() -> UInt64 {
    reactor.watch(descriptor, Int16(POLLOUT)) { [weak self] in
      guard let self else { return }
      state.withLock { self.flush(&$0) }
    }
  }

  private func flush(_ state: inout State) {
    guard case .open(let pending, let isLast, _) = state else { return }
    var done = 0
    while done < pending.count {
      let count = pending.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + done, $0.count - done) }
      if count >= 0 {
        done += count
      } else if errno == EAGAIN {
        state = .open(pending: Array(pending[done...]), isLast: isLast, token: watch())
        return
      } else if errno != EINTR {
        return close(&state)
      }
    }
    state = .open(pending: [], isLast: isLast, token: nil)
    if isLast { close(&state) }
  }
}
