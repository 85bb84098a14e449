public import AstroCore
public import AstroJournal
public import AstroSpool
import AstroTelemetry

/// Takes a file in the spool back before any runner took it, for `astro cancel`: it becomes a run that was cancelled, so
/// that it ends in one place with a receipt like any other.
public struct Withdrawal {
  public enum Outcome: Sendable, Equatable {
    case withdrawn(WorkflowID)
    /// A runner has it: it is a run now.
    case taken
    /// It cannot be taken yet; why.
    case busy(NotYet.Reason)
    /// A runner will refuse it, and only that moves it; why.
    case refused(String)
    /// Neither the file nor a run is there: somebody removed it.
    case gone
  }

  private let spool: Spool
  private let journal: Journal
  private let examiner: Examiner
  private let clock: any AstroCore.Clock

  public init(spool: Spool, journal: Journal, examiner: Examiner, clock: any AstroCore.Clock) {
    self.spool = spool
    self.journal = journal
    self.examiner = examiner
    self.clock = clock
  }

  /// A file that `astro submit` placed for this run.
  public func withdraw(_ id: WorkflowID) throws(Failure) -> Outcome {
    for format in SubmissionFormat.allCases {
      let outcome = try withdraw(format.fileName(of: id))
      guard outcome == .gone else { return outcome }
    }
    return try journal.read { try $0.run(id) } == nil ? .gone : .taken
  }

  /// Claims the file as a runner does, under the gate and with its row in the same transaction. A crash between the two,
  /// or a commit that fails, leaves a file without a row in `active/`, which the next runner admits: then the cancel did
  /// not happen. One after the commit leaves an end that is not settled, which the next runner completes.
  public func withdraw(_ file: FileName) throws(Failure) -> Outcome {
    switch spool.look(at: file) {
    case .ready(let candidate): try take(candidate)
    case .notYet(let wait): .busy(wait.reason)
    case .refused(let refusal): .refused(refusal.reason.message)
    case .ignored, .gone: .gone
    }
  }

  private func take(_ candidate: Candidate) throws(Failure) -> Outcome {
    let id = try runID(for: candidate)
    var record = RunRecord(
      id: id, name: id.name, user: candidate.ownerName, state: .cancelled, file: candidate.name.bytes,
      fileExtension: candidate.format.rawValue, sha256: candidate.sha256, submittedAt: candidate.modifiedAt,
      claimedAt: clock.now().wall)
    record.finishedAt = record.claimedAt
    record.reason = "cancelled before a runner took it"
    try candidate.synchronize()
    let isClaimed = try journal.commit { transaction in
      switch try spool.claim(candidate, as: id) {
      case .claimed: break
      case .taken, .changed: return false
      case .stuck(let failure), .blocked(let failure): throw failure
      }
      if let announced = try transaction.take(submission: id.text) { record.user = announced.user }
      try transaction.insert(record, content: candidate.bytes)
      var deltas = SeriesDeltas()
      deltas.increment(.workflows, ["cancelled"])
      try transaction.add(series: deltas.values)
      try spool.syncDirectories()
      return true
    }
    guard isClaimed else { return .taken }
    try settle(record, candidate)
    return .withdrawn(id)
  }

  /// The one that `astro submit` announced, else one as a runner would give it.
  private func runID(for candidate: Candidate) throws(Failure) -> WorkflowID {
    if let announced = try journal.read({ try $0.submission(announcing: candidate.name) }) {
      return WorkflowID(unchecked: announced.id)
    }
    return .mint(name: examiner.examine(candidate.bytes, from: .init(candidate)).name, at: clock.now().wall)
  }

  /// Under the gate, after another look at the row, as a runner settles.
  private func settle(_ record: RunRecord, _ candidate: Candidate) throws(Failure) {
    try journal.commit { transaction in
      guard try transaction.reading.run(record.id) == record else { return }
      try spool.settle(
        Settlement(
          id: record.id, format: candidate.format, place: record.state.place, receipt: record.receipt,
          content: { () throws(Failure) -> [UInt8] in candidate.bytes }))
      try transaction.markSettled(record.id, by: record.owner, finishedAt: record.finishedAt)
    }
  }
}
