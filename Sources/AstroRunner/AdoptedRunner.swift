import AstroCore
import AstroProcess
import Glibc

/// A dead runner some of whose attempts are still under way: its warden lives, and tells how they end.
final class AdoptedRunner {
  /// `nil` when another runner holds it, which adopted other runs of the dead one.
  let lock: RunnerLock?
  private let watch: WreckWatch
  private(set) var outstanding: Set<AttemptKey>

  /// One thing learned about an attempt.
  enum News {
    case ended(ExitRecord)
    case refused(AttemptKey, reason: String, infrastructure: Bool)
    case began(AttemptKey, since: Int64)
    case neverStarted(AttemptKey)
    case damaged(Failure)
    case lost(AttemptKey, Wreck.Command?)
  }

  init(_ wreck: Wreck, lock: RunnerLock?, outstanding: Set<AttemptKey>) {
    self.lock = lock
    self.outstanding = outstanding
    watch = WreckWatch(wreck)
  }

  var runnerID: String { watch.wreck.files.runnerID }
  var origin: Wreck.Origin { watch.wreck.origin }

  func watch(_ poller: inout Poller) { for descriptor in watch.descriptors { poller.watch(descriptor) } }

  /// Signals an attempt of this runner; false when it is none.
  func signal(_ key: AttemptKey, _ signal: TerminationSignal) -> Bool {
    guard outstanding.contains(key) else { return false }
    watch.wreck.running[key]?.signal(signal == .kill ? SIGKILL : SIGTERM)
    return true
  }

  func news() throws(Failure) -> [News] {
    var result: [News] = []
    for item in try watch.newRecords() {
      switch item {
      case .ended(let record): if outstanding.remove(record.key) != nil { result.append(.ended(record)) }
      case .refused(let key, let reason, let infrastructure):
        if outstanding.remove(key) != nil {
          result.append(.refused(key, reason: reason, infrastructure: infrastructure))
        }
      case .began(let key, let since):
        if outstanding.contains(key) { result.append(.began(key, since: since)) }
      case .damaged(let damage):
        result.append(.damaged(damage))
        result += decideRest()
      case .closed, .wardenDied: result += decideRest()
      }
    }
    return result
  }

  private func decideRest() -> [News] {
    var result: [News] = []
    for key in outstanding {
      switch watch.wreck.verdict(key) {
      case .running, .undecided: continue
      case .ended(let record): result.append(.ended(record))
      case .refused(let reason, let infrastructure):
        result.append(.refused(key, reason: reason, infrastructure: infrastructure))
      case .neverStarted: result.append(.neverStarted(key))
      case .lost(let command): result.append(.lost(key, command))
      }
      outstanding.remove(key)
    }
    return result
  }
}
