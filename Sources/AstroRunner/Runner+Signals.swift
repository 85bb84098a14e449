import AstroCore
import AstroJournal
import AstroScheduling
import Logging

extension Runner {
  func answer(_ request: SignalInbox.Request) throws(Failure) {
    switch request {
    case .reload: try reload()
    case .stop:
      switch result.stop {
      case .none: try stopGently()
      case .asked: stopAtOnce()
      case .atOnce: stopping = .now
      }
    }
  }

  /// The first signal. A run in the foreground is cancelled: whoever stops it wants it to end, not to be taken over.
  private func stopGently() throws(Failure) {
    result.stop = .asked
    serviceManager?.isStopping()
    log.info("Stopping", metadata: ["grace_seconds": .stringConvertible(options.grace.seconds)])
    guard options.mode == .single else { return stop(within: options.grace) }
    // In the journal too: should this process be killed now, the next runner ends the run instead of finishing it.
    let runs = Array(owned.keys)
    try journal.commit { for run in runs { try $0.requestCancel(run) } }
    observer?.runner(.stopRequested)
    pending += runs.map { .cancel($0) }
  }

  /// The second one. Watchers and passes leave their commands to the warden and the next runner; a run in the foreground
  /// kills its own, and waits for nothing but their ends.
  private func stopAtOnce() {
    result.stop = .atOnce
    guard options.mode == .single else { return stopping = .now }
    for key in promises.keys { send(.kill, to: key) }
    stopping = .draining(until: clock.now().boot + Duration.seconds(1).microseconds)
    pending.append(.stopping)
  }

  /// A pass that has had its time starts nothing more.
  func stopInTime() {
    guard case .drain(let maxTime?) = options.mode, clock.now().boot - startedAt.boot >= maxTime.microseconds else {
      return
    }
    stop(within: options.grace)
  }

  /// Lets what runs go on for `grace`, and starts nothing more.
  func stop(within grace: Duration) {
    guard stopping == .no else { return }
    stopping = .draining(until: clock.now().boot + grace.microseconds)
    pending.append(.stopping)
  }
}
