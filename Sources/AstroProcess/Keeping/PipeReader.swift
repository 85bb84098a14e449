import CLinux
import Glibc
import Synchronization

/// The reading end of a pipe or socket. Nothing is read before somebody asks, so that a program that floods it has to wait.
public final class PipeReader: Sendable {
  private enum State {
    case open(waiting: Waiting?)
    case closed
  }

  private struct Waiting {
    let continuation: CheckedContinuation<Void, Never>
    var token: UInt64?
  }

  private let descriptor: Int32
  private let reactor: PipeReactor
  private let state = Mutex(State.open(waiting: nil))

  init(owning descriptor: Int32, _ reactor: PipeReactor) {
    self.descriptor = descriptor
    self.reactor = reactor
  }

  deinit { close() }

  /// What has come, at most 64 KiB; `nil` at the end, and when the reader is closed or the task cancelled. One caller at a
  /// time.
  public func read() async -> [UInt8]? {
    while !Task.isCancelled {
      switch take() {
      case .bytes(let bytes): return bytes
      case .ended: return nil
      case .nothing: await waitForMore()
      }
    }
    return nil
  }

  public func close() {
    let waiting = state.withLock { state -> Waiting? in
      guard case .open(let waiting) = state else { return nil }
      state = .closed
      if let token = waiting?.token { reactor.forget(token) }
      Glibc.close(descriptor)
      return waiting
    }
    waiting?.continuation.resume()
  }

  private enum Piece {
    case bytes([UInt8])
    case nothing
    case ended
  }

  /// Under the lock, so that the descriptor cannot be closed, and be another's, during the call.
  private func take() -> Piece {
    state.withLock { state in
      guard case .open = state else { return .ended }
      while true {
        var count = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: 64 << 10) { space, filled in
          count = Glibc.read(descriptor, space.baseAddress, space.count)
          filled = max(0, count)
        }
        if count > 0 { return .bytes(bytes) }
        if count < 0, errno == EINTR { continue }
        return count < 0 && errno == EAGAIN ? .nothing : .ended
      }
    }
  }

  private func waitForMore() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isOpen = state.withLock { state in
          guard case .open = state else { return false }
          let token = reactor.watch(descriptor, Int16(POLLIN)) { [weak self] in self?.wake() }
          state = .open(waiting: Waiting(continuation: continuation, token: token))
          return true
        }
        if !isOpen { continuation.resume() }
        if Task.isCancelled { wake() }
      }
    } onCancel: {
      wake()
    }
  }

  private func wake() {
    let waiting = state.withLock { state -> Waiting? in
      guard case .open(let waiting?) = state else { return nil }
      state = .open(waiting: nil)
      if let token = waiting.token { reactor.forget(token) }
      return waiting
    }
    waiting?.continuation.resume()
  }
}
