public import AstroConfiguration
public import AstroCore
public import AstroJournal
public import AstroSpool

/// How long ended runs are kept.
public struct Retention: Sendable, Equatable {
  /// Of runs that succeeded, wholly or in part, or were cancelled.
  public var keep: Duration
  /// Of runs that failed or were rejected.
  public var keepFailed: Duration
  /// Of a run's directory whose run no row knows. Admission makes the directory moments before the row, so a day is ample.
  public var orphans = Duration.seconds(86_400)

  public init(keep: Duration, keepFailed: Duration) {
    self.keep = keep
    self.keepFailed = keepFailed
  }

  public init(_ system: SystemConfiguration) { self.init(keep: system.keep, keepFailed: system.keepFailed) }

  func age(in place: Place) -> Duration {
    switch place {
    case .failed, .rejected: max(keepFailed, orphans)
    case .active, .done, .cancelled: max(keep, orphans)
    }
  }
}

/// One pass of `astro clean`: removes ended, settled runs older than the retention, whole: rows, file, receipt, directory.
///
/// **Rows first.** From the commit on the run is unknown, so no retry can meet a half-removed run, and its files may go in
/// many steps. A crash in between leaves files that no row knows, under names that only we mint: the next pass finds them
/// as orphans. Only when the disk is too full for that commit do files go first, since they are what fills it; a crash then
/// leaves rows, which the next pass finds as expired.
///
/// Works beside live runners: a run is deleted only while its row says that it has ended and is settled.
public final class Cleaning {
  private let journal: Journal
  private let spool: Spool
  private let directories: RunDirectories
  private let retention: Retention
  private let now: Timestamp
  private var phase = Phase.expired
  public private(set) var summary = Summary()

  private enum Phase { case expired, orphans, sweep, done }

  /// What a pass removed, or found to remove.
  public struct Summary: Sendable, Equatable {
    public var runs: [WorkflowID] = []
    /// Removed without a row: left by a crash, or by a journal that is not the one they belong to.
    public var orphans: [WorkflowID] = []
    /// What lies in `data/runs` under names that are not ours, printable; never touched.
    public var strangers: [String] = []
    /// Dot files of crashed writers.
    public var temporaries = 0
    public var removed = Removed()
  }

  /// How many runs are forgotten in one transaction.
  private static let batch = 100

  public init(
    journal: Journal, spool: Spool, runs: String, retention: Retention
  ) throws(Failure) {
    self.journal = journal
    self.spool = spool
    directories = try RunDirectories(path: runs)
    self.retention = retention
    now = journal.now.wall
  }

  /// What a pass would remove now; nothing is changed.
  public func preview() throws(Failure) -> Summary {
    var summary = Summary()
    summary.runs = try expired(limit: .max).map(\.id)
    let found = try orphans()
    summary.orphans = Set(found.directories).union(found.files.map(\.id)).sorted()
    summary.strangers = found.strangers
    return summary
  }

  /// Does a part of the pass, of about `budget` removed names.
  /// - Returns: whether the pass is over.
  public func step(atMost budget: Int = .max) throws(Failure) -> Bool {
    switch phase {
    case .expired:
      let runs = try expired(limit: Self.batch)
      if runs.isEmpty { phase = .orphans } else { try remove(runs) }
      _ = try directories.sweep(atMost: budget, &summary.removed)
    case .orphans:
      try removeOrphans()
      phase = .sweep
    case .sweep: if try directories.sweep(atMost: budget, &summary.removed) { phase = .done }
    case .done: break
    }
    return phase == .done
  }

  private func expired(limit: Int) throws(Failure) -> [RunRecord] {
    try journal.read { reading in
      try reading.finished(
        before: now - retention.keep, failedBefore: now - retention.keepFailed, limit: limit)
    }
  }

  private func remove(_ runs: [RunRecord]) throws(Failure) {
    do throws(Failure) {
      let forgotten = try forget(runs)
      removeFiles(of: forgotten)
      summary.runs += forgotten.map(\.id)
    } catch  where error.code == .noSpace {
      removeFiles(of: runs)
      _ = try directories.sweep(&summary.removed)
      summary.runs += try forget(runs).map(\.id)
    }
  }

  /// The runs whose rows are gone: not those that were retried meanwhile.
  private func forget(_ runs: [RunRecord]) throws(Failure) -> [RunRecord] {
    try journal.commit { transaction in try runs.filter { try transaction.delete($0.id) } }
  }

  private func removeFiles(of runs: [RunRecord]) {
    for run in runs { removeFiles(of: run.id, run.format) }
  }

  /// What cannot be removed is reported and left: it must not keep the rest.
  private func removeFiles(of id: WorkflowID, _ format: SubmissionFormat) {
    do throws(Failure) {
      try spool.forget(id, format, &summary.removed)
      try directories.discard(id)
    } catch {
      summary.removed.leave(error)
    }
  }

  // MARK: What no row knows

  private struct Orphans {
    var directories: [WorkflowID] = []
    var files: [Spool.Settled] = []
    var strangers: [String] = []
  }

  private func orphans() throws(Failure) -> Orphans {
    var found = Orphans()
    let old = try directories.list().filter { now - $0.modifiedAt > retention.orphans }
    found.strangers = old.filter { $0.run == nil }.map(\.name.printable)
    let candidates = old.compactMap(\.run)
    var settled: [Spool.Settled] = []
    for place in Place.allCases where place != .active {
      settled += try spool.settled(in: place, changedBefore: now - retention.age(in: place))
    }
    let known = try journal.read { try $0.known(Set(candidates + settled.map(\.id))) }
    found.directories = candidates.filter { !known.contains($0) }
    found.files = settled.filter { !known.contains($0.id) }
    return found
  }

  private func removeOrphans() throws(Failure) {
    let found = try orphans()
    for file in found.files { removeFiles(of: file.id, file.format) }
    for directory in found.directories { removeFiles(of: directory, .yaml) }
    summary.orphans = Set(found.directories).union(found.files.map(\.id)).sorted()
    summary.strangers = found.strangers
    summary.temporaries = try spool.sweepTemporaries(olderThan: retention.orphans)
  }
}
