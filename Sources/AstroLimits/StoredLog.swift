public import AstroCore

/// A ``SlidingLog`` as it outlives the process and the machine's boot: with the boot its times belong to and the moment it
/// was written, by which another boot translates them.
public struct StoredLog: Sendable, Equatable {
  public var log: SlidingLog
  /// The kernel's identifier of the boot that ``SlidingLog`` counts from.
  public var bootID: String
  /// When the state was written.
  public var written: Moment

  public init(log: SlidingLog, bootID: String, written: Moment) {
    self.log = log
    self.bootID = bootID
    self.written = written
  }

  /// The log in the boot time of `bootID`, as of `now`.
  ///
  /// On the boot that wrote it, it is the log itself. On another one only the wall clock tells how long the machine was
  /// away, and it may have been set back: then the time away counts as none, slow but never over the limit. The uptime
  /// is a lower bound in any case, since the state is older than this boot; it is what ends such a wait.
  /// (A wall clock set *forward* while the machine was down cannot be told from time that passed.)
  public func log(on bootID: String, at now: Moment) -> SlidingLog {
    guard bootID != self.bootID else { return log }
    let away = max(now.boot, now.wall.microseconds - bounded(written.wall.microseconds), 0)
    return log.shifted(by: now.boot - away - bounded(written.boot))
  }

  /// What was stored may be damaged: no number of it may make the arithmetic overflow.
  private func bounded(_ time: Int64) -> Int64 {
    min(max(time, -Int64(SlidingLog.farthest)), Int64(SlidingLog.farthest))
  }
}

extension SlidingLog {
  /// The same log on a clock that shows `offset` microseconds more.
  func shifted(by offset: Int64) -> SlidingLog {
    var result = self
    for index in result.entries.indices {
      result.entries[index].first += offset
      result.entries[index].last += offset
    }
    if let end = blockedUntil { result.blockedUntil = end + offset }
    return result
  }
}
