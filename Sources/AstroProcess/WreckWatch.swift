public import AstroCore
import CLinux
import Glibc

/// Waits for a warden that outlived its runner: sees its records as it writes them, and its death.
public final class WreckWatch {
  public enum News: Sendable, Equatable {
    case ended(ExitRecord)
    case refused(AttemptKey, reason: String, infrastructure: Bool)
    /// It has begun after all; when, in microseconds of CLOCK_BOOTTIME.
    case began(AttemptKey, since: Int64)
    /// Its log cannot be read any further.
    case damaged(Failure)
    /// What the dead runner had still sent is handled: attempts without a start will never start.
    case closed
    /// The last news. What is in ``Wreck/running`` now is lost.
    case wardenDied
  }

  /// Everything known so far.
  public private(set) var wreck: Wreck
  /// nil when there is none to be had: then what the log has gained is seen only when it is asked for.
  private let inotify: Descriptor?
  /// Readable from the warden's death on; nil when it was dead already or is not known by pid.
  private let death: Descriptor?

  /// Call ``newRecords()`` once right after this: what happened before the watch stood is told there.
  public init(_ wreck: Wreck) {
    self.wreck = wreck
    let number = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
    if number >= 0 { inotify_add_watch(number, wreck.files.exits, UInt32(IN_MODIFY)) }
    inotify = number >= 0 ? Descriptor(owning: number) : nil
    death = Self.open(wreck.warden)
  }

  /// To be polled for reading; the same for life.
  public var descriptors: [Int32] { [Self.number(of: inotify), Self.number(of: death)].compactMap { $0 } }

  private static func number(of descriptor: borrowing Descriptor?) -> Int32? {
    switch descriptor {
    case .some(let descriptor): descriptor.number
    case .none: nil
    }
  }

  /// What the log has gained since the last call. Never blocks.
  public func newRecords() throws(Failure) -> [News] {
    var events: [UInt8] = []
    while inotify?.readInto(&events, atMost: 4096) ?? 0 > 0 { events.removeAll(keepingCapacity: true) }
    // Death first, then the log: what a dying warden recorded last is told before its death, and not missed.
    let died = try hasDied()
    let wasWhole = wreck.damage == nil
    var news = try wreck.refresh().compactMap { story($0) }
    if wasWhole, let damage = wreck.damage { news.append(.damaged(damage)) }
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
    case .pid(let key, _, _): wreck.running[key]?.identity.map { .began(key, since: $0.startedBoot) }
    case .warden, .start, .withdrawn, .failed: nil
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
