import AstroCore
import Synchronization

/// Sleep without time: sleepers wait here until the test lets the clock's hands pass their hour.
final class SleepBook: Sendable {
  private struct Sleeper {
    let until: Int64
    let order: Int
    let continuation: CheckedContinuation<Void, any Error>
  }

  private struct State {
    var sleepers: [Sleeper] = []
    var arrived = 0
    var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
  }

  private let state = Mutex(State())
  let clock: HandClock

  init(_ clock: HandClock) { self.clock = clock }

  func pause(_ duration: Duration) async throws {
    try await withCheckedThrowingContinuation { continuation in
      let woken = state.withLock { state in
        state.arrived += 1
        state.sleepers.append(
          Sleeper(until: clock.now().advanced(by: duration).boot, order: state.arrived, continuation: continuation))
        let arrived = state.arrived
        let woken = state.watchers.filter { $0.count <= arrived }
        state.watchers.removeAll { $0.count <= arrived }
        return woken
      }
      for watcher in woken { watcher.continuation.resume() }
    }
  }

  /// Returns once somebody has gone to sleep for the `count`th time.
  func arrivals(_ count: Int) async {
    await withCheckedContinuation { continuation in
      let isThere = state.withLock { state in
        if state.arrived >= count { return true }
        state.watchers.append((count, continuation))
        return false
      }
      if isThere { continuation.resume() }
    }
  }

  /// How long the sleepers still have, in seconds, in the order they lay down.
  var remaining: [Double] {
    let now = clock.now().boot
    return state.withLock { state in
      state.sleepers.sorted { $0.order < $1.order }.map { Duration.microseconds($0.until - now).seconds }
    }
  }

  /// Lets time pass and wakes those whose hour has come.
  func advance(_ duration: Duration) {
    clock.advance(duration)
    let now = clock.now().boot
    for sleeper in take({ $0.until <= now }) { sleeper.continuation.resume() }
  }

  /// Wakes everybody with an error, as a cancelled task is woken.
  func interrupt() {
    for sleeper in take({ _ in true }) { sleeper.continuation.resume(throwing: CancellationError()) }
  }

  private func take(_ isMeant: (Sleeper) -> Bool) -> [Sleeper] {
    state.withLock { state in
      let taken = state.sleepers.filter(isMeant)
      state.sleepers.removeAll(where: isMeant)
      return taken
    }
  }
}
