import AstroCore
import AstroJournal
import AstroSpool
import AstroTelemetry
import Logging

extension Runner {
  /// Whether files are taken now; while the spool cannot be used they wait.
  var claimsFiles: Bool { takesFiles && spoolTrouble == nil }

  /// Does something with the spool's directories. What stands in the way (a read-only file system, a mode, a directory
  /// that is gone) is said once and waited for: nothing is claimed and nothing settled until a look around finds it
  /// mended.
  /// - Throws: what nobody may wait for: see ``isFinal(_:)``.
  func usingSpool(_ body: () throws(Failure) -> Void) throws(Failure) {
    do throws(Failure) { try body() } catch {
      if isFinal(error) { throw error }
      note(error)
    }
  }

  /// Whether a failure met with a file's place ends this runner: a failed fsync, which is never tried again, and the
  /// journal's own.
  func isFinal(_ failure: Failure) -> Bool { failure.code == .notDurable || failure.subject == journal.path }

  /// The same for the file of one run. What stands in the way of this one alone is said once and keeps nobody else.
  /// - Returns: whether it was done; else it is to be tried again after the next look around.
  func placing(_ run: WorkflowID, _ body: () throws(Failure) -> Void) throws(Failure) -> Bool {
    do throws(Failure) {
      try body()
      misplaced[run] = nil
      return true
    } catch {
      if isFinal(error) { throw error }
      guard error.code != .noSpace, spool.integrity() == .intact, (try? spool.requireWritable()) != nil else {
        note(error)
        return false
      }
      if misplaced.updateValue(error, forKey: run)?.errno != error.errno {
        log.error("Run cannot be placed", error: error, metadata: ["workflow_id": .string(run.text)])
        deltas.increment(.errors, ["spool"])
      }
      return false
    }
  }

  /// How soon a look around is taken when something stands in the way: ever later while it stays.
  private static let troublePauses = Duration.seconds(1)...Duration.seconds(8)

  func note(_ trouble: Failure) {
    spoolTrouble = trouble
    let (shortest, longest) = (Self.troublePauses.lowerBound, Self.troublePauses.upperBound)
    nextRescan = min(nextRescan, clock.now().boot + max(troublePause, shortest).microseconds)
    troublePause = min(max(troublePause, shortest) * 2, longest)
    // The subject may be a temporary file, another one each time.
    guard toldTrouble?.errno != trouble.errno || toldTrouble?.code != trouble.code else { return }
    toldTrouble = trouble
    log.error("Spool cannot be used", error: trouble)
    deltas.increment(.errors, ["spool"])
  }

  /// Looks whether the spool can be used, opens it anew where another has its place, and does what had to wait for it.
  /// - Returns: what is in it; empty when it cannot be used.
  func lookAround() throws(Failure) -> [SpoolEntry] {
    var entries: [SpoolEntry] = []
    spoolTrouble = nil
    try usingSpool { () throws(Failure) in
      switch spool.integrity() {
      case .intact: break
      case .replaced, .missing, .unreachable:
        try spool.reattach()
        log.error("Spool replaced", metadata: ["path": .string(spool.directory)])
        deltas.increment(.errors, ["spool"])
      }
      try spool.requireWritable()
      entries = try spool.list()
    }
    if spoolTrouble == nil { try reopenRuns() }
    unsettled += unsettleable
    unsettleable.removeAll()
    try settleEnded()
    if spoolTrouble == nil, toldTrouble != nil {
      toldTrouble = nil
      log.info("Spool can be used again", metadata: ["path": .string(spool.directory)])
    }
    return entries
  }

  /// Leaves a file alone that cannot be taken; said once for each reason.
  func setAside(_ name: FileName, _ failure: Failure) {
    guard intake.setAside(name, spool.identity(of: name), failure, now: clock.now()),
      // Or every pass of cron would say it again.
      toldStuck.reason(of: name) != StuckFiles.reason(of: failure)
    else { return }
    log.error("File cannot be taken", error: failure, metadata: ["file": .string(name.printable)])
    deltas.increment(.errors, ["spool"])
  }

  /// Finds files that lie in `active/` without a row: claimed before a crash, or before a commit that failed. They are
  /// admitted with the next commit. Claims happen under the gate, so under the gate a file without a row has lost its
  /// claimer; one whose claimer has not committed yet is found to have its row there.
  func findOrphanedFiles() throws(Failure) {
    var files: [ActiveFile] = []
    try usingSpool { () throws(Failure) in files = try spool.activeFiles() }
    let known = try journal.read { reading in try files.filter { try reading.run($0.id) != nil } }
    for file in Set(files).subtracting(known) {
      switch file.state {
      case .refused(let name): orphans.append(.misplaced(file, name))
      case .claimed(let format):
        try requireNew(file)
        switch spool.lookActive(file.name, format) {
        case .ready(let candidate):
          var admission = try examine(candidate)
          if admission.plan?.name == nil { admission.name = file.id.name }
          orphans.append(.admissible(file, admission))
        case .refused(let refusal): orphans.append(.refused(file, format, refusal))
        case .notYet, .ignored, .gone: continue
        }
      }
    }
  }
}

/// A file in `active/` that had no row in the journal when it was found.
enum Orphan {
  case admissible(ActiveFile, Admission)
  case refused(ActiveFile, SubmissionFormat, Refusal)
  /// It was claimed to be rejected, under this name.
  case misplaced(ActiveFile, FileName)

  var file: ActiveFile {
    switch self {
    case .admissible(let file, _), .refused(let file, _, _), .misplaced(let file, _): file
    }
  }
}
