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
  /// Of an empty directory of a run that no row knows. Admission makes it moments before the row, so a day is ample.
  public var orphans = Duration.seconds(86_400)

  public init(keep: Duration, keepFailed: Duration) {
    self.keep = keep
    self.keepFailed = keepFailed
  }

  public init(_ system: SystemConfiguration) { self.init(keep: system.keep, keepFailed: system.keepFailed) }

  func age(after state: RunState) -> Duration {
    switch state {
    case .failed, .rejected: keepFailed
    case .queued, .running, .held, .succeeded, .partial, .cancelled, .duplicate: keep
    }
  }
}

/// One pass of `astro clean`: removes ended, settled runs older than the retention, whole: rows, file, receipt, directory.
///
/// **Rows first.** From the commit on the run is unknown, so no retry can meet a half-removed run, and its files may go in
/// many steps. A crash in between leaves files that no row knows, under names that only we mint, and last the receipt: the
/// next pass finds them as orphans. Of a run without a row nothing goes unless its receipt says that it ended, and long
/// enough ago: a journal that has lost it knows no more of it than one that has forgotten it. Only when the disk is too full for that commit do files go first, since they are what fills it; a crash then
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

  fileprivate enum Phase {
    case expired
    /// Names still to be asked about.
    case orphans([Trace])
    case sweep
    case done
  }

  /// Something on disk that carries the name of a run, or lies where runs lie.
  fileprivate enum Trace {
    case directory(RunDirectories.Entry)
    case file(Spool.Settled)
  }

  /// What a pass removed, or found to remove.
  public struct Summary: Sendable, Equatable {
    public var runs: [WorkflowID] = []
    /// Removed without a row: left by a crash, or by a journal that is not the one they belong to.
    public var orphans: [WorkflowID] = []
    /// Without a row and without a receipt that says how they ended; never touched.
    public var unexplained: [WorkflowID] = []
    /// What lies in `data/runs` under names that are not ours, printable; never touched.
    public var strangers: [String] = []
    /// Dot files of crashed writers.
    public var temporaries = 0
    public var removed = Removed()
  }

  /// How many runs are forgotten in one transaction, and how many names are asked about, in one step without a budget and
  /// in one with: a runner must not be away from its events for long.
  private static let batch = (large: 100, small: 10)
  private static let inquiry = (large: 10_000, small: 500)

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
    let found = try orphans(among: traces())
    summary.note(found)
    return summary
  }

  /// Does a part of the pass, of about `budget` removed names.
  /// - Returns: whether the pass is over.
  public func step(atMost budget: Int = .max) throws(Failure) -> Bool {
    let isPart = budget < .max
    switch phase {
    case .expired:
      let runs = try expired(limit: isPart ? Self.batch.small : Self.batch.large)
      if runs.isEmpty { phase = .orphans(try traces()) } else { try remove(runs) }
      _ = try directories.sweep(atMost: budget, &summary.removed)
    case .orphans(var traces):
      let part = traces.suffix(isPart ? Self.inquiry.small : Self.inquiry.large)
      traces.removeLast(part.count)
      try removeOrphans(among: Array(part))
      phase = traces.isEmpty ? .sweep : .orphans(traces)
    case .sweep:
      guard try directories.sweep(atMost: budget, &summary.removed) else { break }
      summary.temporaries = try spool.sweepTemporaries(olderThan: retention.orphans)
      try forgetSubmissions()
      phase = .done
    case .done: break
    }
    return phase.isDone
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

  /// Forgets the parameters of submissions whose file never came into the spool, or was taken out of it by hand.
  private func forgetSubmissions() throws(Failure) {
    let old = try journal.read { try $0.submissions(before: now - retention.orphans) }
    // In the commit, when no claim is under way: a claimed file without its run's row is one whose claimer was killed, and
    // the next runner starts it with these parameters.
    try journal.commit { transaction in
      for id in old where try !hasFile(submission: id) { _ = try transaction.take(submission: id) }
      // As long as a run's other results.
      try transaction.forgetCached(before: now - retention.keep)
      try transaction.forgetBudgets(before: now - retention.keep)
    }
  }

  /// Whether the file of a submission waits in the spool or has been claimed.
  private func hasFile(submission id: String) throws(Failure) -> Bool {
    guard let run = WorkflowID(validating: id) else { return false }
    // In the order in which it moves, so that it is not missed on its way.
    for format in SubmissionFormat.allCases {
      if spool.identity(of: format.fileName(of: run)) != nil { return true }
      if try spool.holds(run, format, in: .active) { return true }
    }
    return false
  }

  private func removeFiles(of runs: [RunRecord]) {
    for run in runs { removeFiles(of: run.id, [run.format]) }
  }

  /// What cannot be removed is reported and left: it must not keep the rest.
  private func removeFiles(of id: WorkflowID, _ formats: [SubmissionFormat]) {
    do throws(Failure) {
      try directories.discard(id)
      try spool.forget(id, formats, &summary.removed)
    } catch {
      summary.removed.leave(error)
    }
  }

  // MARK: What no row knows

  /// What is left of runs without a row: a crash took the rows first, or a journal that is older than they are.
  fileprivate struct Orphans {
    var removable: [WorkflowID] = []
    var unexplained: [WorkflowID] = []
    var strangers: [String] = []
  }

  private func traces() throws(Failure) -> [Trace] {
    var traces = try directories.list().map { Trace.directory($0) }
    for place in Place.allCases where place != .active { traces += try spool.settled(in: place).map { .file($0) } }
    return traces
  }

  private func orphans(among traces: [Trace]) throws(Failure) -> Orphans {
    let ids = Set(traces.compactMap(\.run))
    let known = try journal.read { try $0.known(ids) }
    var found = Orphans()
    for id in ids.subtracting(known) {
      if let isOver = try isOverByReceipt(id) {
        if isOver { found.removable.append(id) }
      } else if let time = try directories.modifiedAt(id), now - time <= retention.orphans {
        continue
      } else if directories.isBare(id) {
        found.removable.append(id)
      } else {
        found.unexplained.append(id)
      }
    }
    for case .directory(let entry) in traces where entry.run == nil {
      guard let time = try directories.modifiedAt(entry.name), now - time > retention.orphans else { continue }
      found.strangers.append(entry.name.printable)
    }
    return found
  }

  /// Whether a run has ended for longer than it is kept, by the times of its receipt; `nil` when it has none.
  private func isOverByReceipt(_ id: WorkflowID) throws(Failure) -> Bool? {
    var receipts: [Receipt] = []
    for place in Place.allCases where place != .active {
      if let text = try spool.receipt(of: id, in: place), let receipt = Receipt(parsing: text, of: id) {
        receipts.append(receipt)
      }
    }
    guard !receipts.isEmpty else { return nil }
    return receipts.allSatisfy { now - $0.finishedAt > retention.age(after: $0.status) }
  }

  private func removeOrphans(among traces: [Trace]) throws(Failure) {
    let found = try orphans(among: traces)
    for id in found.removable { removeFiles(of: id, SubmissionFormat.allCases) }
    summary.note(found)
  }
}

extension Cleaning.Trace {
  fileprivate var run: WorkflowID? {
    switch self {
    case .directory(let entry): entry.run
    case .file(let file): file.id
    }
  }
}

extension Cleaning.Phase {
  fileprivate var isDone: Bool { if case .done = self { true } else { false } }
}

extension Cleaning.Summary {
  fileprivate mutating func note(_ found: Cleaning.Orphans) {
    orphans = Set(orphans + found.removable).sorted()
    unexplained = Set(unexplained + found.unexplained).sorted()
    strangers = (strangers + found.strangers).sorted()
  }
}
