public import AstroCore
import CLinux
import Glibc

/// Waits, without polling, for a warden that outlived its runner: sees its records as it writes them, and its death.
public final class WreckWatch {
  public enum News: Sendable, Equatable {
    case ended(ExitRecord)
    case refused(AttemptKey, reason: String, infrastructure: Bool)
    /// What the dead runner had still sent is handled: attempts without a start will never start.
    case closed
    /// The last news. What is in ``Wreck/running`` now is lost.
    case wardenDied
  }

  /// Everything known so far.
  public private(set) var wreck: Wreck
  private let inotify: Descriptor
  /// Readable from the warden's death on; nil when it was dead already or is not known by pid.
  private let death: Descriptor?

  /// Call ``newRecords()`` once right after this: what happened before the watch stood is told there.
  public init(_ wreck: Wreck) throws(Failure) {
    self.wreck = wreck
    let number = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
    guard number >= 0 else { throw .kernel(.unavailable, "inotify", "cannot make an instance") }
    inotify = Descriptor(owning: number)
    death = Self.open(wreck.warden)
    guard inotify_add_watch(number, wreck.files.exits, UInt32(IN_MODIFY)) >= 0 || errno == ENOENT else {
      throw .kernel(.unavailable, wreck.files.exits, "cannot watch")
    }
  }

  /// To be polled for reading; one or two, the same for life.
  public var descriptors: [Int32] {
    switch death {
    case .some(let death): [inotify.number, death.number]
    case .none: [inotify.number]
    }
  }

  /// What the log has gained since the last call. Never blocks.
  public func newRecords() throws(Failure) -> [News] {
    var events: [UInt8] = []
    while inotify.readInto(&events, atMost: 4096) > 0 { events.removeAll(keepingCapacity: true) }
    // Death first, then the log: what a dying warden recorded last is told before its death, and not missed.
    let died = try hasDied()
    var news = try wreck.refresh().compactMap { story($0) }
    if died {
      wreck.wardenDied()
      news.append(.wardenDied)
    }
    return news
  }

  private func hasDied() throws(Failure) -> Bool {
    guard case .alive = wreck.warden else { return false }
    return try LockedFile.inspect(wreck.files.warden)?.held != true
  }

  private func story(_ record: ExitLogRecord) -> News? {
    switch record {
    case .exit(let record): .ended(wreck.files.resolving(record))
    case .refused(let key, let reason, let infrastructure):
      .refused(key, reason: reason, infrastructure: infrastructure)
    case .closed: .closed
    case .warden, .start, .pid, .withdrawn, .failed: nil
    }
  }

  /// A pidfd of exactly the warden: opened by number, then proved by its start time, so that a successor of its
  /// number is never watched in its place.
  private static func open(_ warden: Wreck.WardenState) -> Descriptor? {
    guard case .alive(let identity?) = warden else { return nil }
    let number = clinux_pidfd_open(identity.pid)
    guard number >= 0 else { return nil }
    let descriptor = Descriptor(owning: number)
    guard identity.exists else { return nil }
    return descriptor
  }
}
