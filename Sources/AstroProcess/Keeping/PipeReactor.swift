import AstroCore
import CLinux
import Glibc
import Synchronization

/// Tells when descriptors can be read or written: one thread that sleeps in poll(2) for all of them, so that none of the few
/// threads that tasks run on ever waits for a pipe.
public final class PipeReactor: Sendable {
  struct Interest: Sendable {
    let descriptor: Int32
    /// POLLIN or POLLOUT.
    let events: Int16
    let body: @Sendable () -> Void
  }

  private struct State {
    var interests: [UInt64: Interest] = [:]
    var work: [@Sendable () -> Void] = []
    var next: UInt64 = 0
    var thread = Thread.none

    enum Thread { case none, running }
  }

  private let bell = clinux_eventfd()
  private let state = Mutex(State())

  /// The thread comes with the first thing to wait for.
  public init() {}

  deinit { close(bell) }

  /// Calls `body` once, on the reactor's thread, when `descriptor` is ready or its other end is gone.
  /// - Returns: what ``forget(_:)`` takes.
  func watch(_ descriptor: Int32, _ events: Int16, _ body: @escaping @Sendable () -> Void) -> UInt64 {
    let token = state.withLock { state in
      state.next += 1
      state.interests[state.next] = Interest(descriptor: descriptor, events: events, body: body)
      return state.next
    }
    wake()
    return token
  }

  /// Before a watched descriptor is closed: its number may soon be another's.
  func forget(_ token: UInt64) { state.withLock { $0.interests[token] = nil } }

  /// Calls `body` on the reactor's thread: for calls of the kernel that take longer than a task may take.
  func perform(_ body: @escaping @Sendable () -> Void) {
    state.withLock { $0.work.append(body) }
    wake()
  }

  private func wake() {
    let mustStart = state.withLock { state in
      defer { state.thread = .running }
      return state.thread == .none
    }
    if mustStart { startThread() }
    var one: UInt64 = 1
    _ = write(bell, &one, 8)
  }

  private func startThread() {
    var thread = pthread_t()
    let own = Unmanaged.passRetained(self)
    let problem = pthread_create(
      &thread, nil,
      { context in
        Unmanaged<PipeReactor>.fromOpaque(context!).takeRetainedValue().run()
        return nil
      }, own.toOpaque())
    guard problem == 0 else {
      // No thread to be had: the next thing to wait for asks for one again; meanwhile time runs out for those who wait.
      own.release()
      let work = state.withLock { state in
        defer { state.work = [] }
        state.thread = .none
        return state.work
      }
      return work.forEach { $0() }
    }
    pthread_detach(thread)
  }

  /// Runs as long as there is anything to wait for; the thread keeps the reactor alive, not the other way round.
  private func run() {
    // Signals are for others; and a pipe that nobody reads any more is told by EPIPE alone: SIGPIPE goes to the thread that
    // writes.
    var all = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, nil)
    while let watched = turn() {
      var polled = watched.map { pollfd(fd: $0.interest.descriptor, events: $0.interest.events, revents: 0) }
      polled.append(pollfd(fd: bell, events: Int16(POLLIN), revents: 0))
      poll(&polled, nfds_t(polled.count), -1)
      var count: UInt64 = 0
      _ = read(bell, &count, 8)
      for (index, (token, _)) in watched.enumerated() where polled[index].revents != 0 {
        // Forgotten meanwhile: what poll(2) said may be of another descriptor with that number.
        state.withLock { $0.interests.removeValue(forKey: token) }?.body()
      }
    }
  }

  /// What to wait for; `nil` when that is nothing, and the thread ends.
  private func turn() -> [(token: UInt64, interest: Interest)]? {
    while true {
      let (work, watched) = state.withLock { state in
        defer { state.work = [] }
        if state.work.isEmpty, state.interests.isEmpty { state.thread = .none }
        return (state.work, state.interests.map { (token: $0.key, interest: $0.value) })
      }
      if work.isEmpty { return watched.isEmpty ? nil : watched }
      for body in work { body() }
    }
  }
}
