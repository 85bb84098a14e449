public import AstroCore
public import AstroJournal
public import AstroSpool
import AstroTelemetry

/// Takes a submitted file back before any runner took it, for `astro cancel`: it becomes a run that was cancelled, so
/// that its file ends in one place with a receipt like any other.
public struct Withdrawal {
  public enum Outcome: Sendable, Equatable {
    case withdrawn
    /// A runner has it: it is a run now.
    case taken
    /// It cannot be taken yet; why.
    case busy(NotYet.Reason)
    /// Neither the file nor a run is there: somebody removed it.
    case gone
  }

  let spool: Spool
  let journal: Journal
  let clock: any AstroCore.Clock

  public init(spool: Spool, journal: Journal, clock: any AstroCore.Clock) {
    self.spool = spool
    self.journal = journal
    self.clock = clock
  }

  /// Claims the file as a runner does, under the gate and with its row in the same transaction. A crash between the two,
  /// or a commit that fails, leaves a file without a row in `active/`, which the next runner admits: then the cancel did
  /// not happen. One after the commit leaves an end that is not settled, which the next runner completes.
  public func withdraw(_ id: WorkflowID) throws(Failure) -> Outcome {
    for format in SubmissionFormat.allCases {
      switch spool.look(at: format.fileName(of: id)) {
      case .ready(let candidate): return try take(candidate, id)
      case .notYet(let wait): return .busy(wait.reason)
      case .refused, .ignored, .gone: continue
      }
    }
    return try journal.read { try $0.run(id) } == nil ? .gone : .taken
  }

  private func take(_ candidate: Candidate, _ id: WorkflowID) throws(Failure) -> Outcome {
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
    return .withdrawn
  }

  private func settle(_ record: RunRecord, _ candidate: Candidate) throws(Failure) {
    try spool.settle(
      Settlement(
        id: record.id, format: candidate.format, place: record.state.place, receipt: record.receipt,
        content: { () throws(Failure) -> [UInt8] in candidate.bytes }))
    try journal.commit { try $0.markSettled(record.id, by: record.owner) }
  }
}
