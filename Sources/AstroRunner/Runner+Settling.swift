import AstroConfiguration
import AstroCore
import AstroJournal
import AstroProcess
import AstroSpool
import AstroTelemetry
import Glibc
import Logging

extension Runner {
  /// Makes a run's directory. Repeating it is harmless, so a crash anywhere in it is too.
  func prepareDirectory(of run: WorkflowID) throws(Failure) {
    let directory = RunDirectory(run, in: home.runs)
    for path in [directory.path, directory.files] where mkdir(path, 0o700) != 0 && errno != EEXIST {
      let problem = errno
      throw Failure(
        problem == ENOSPC || problem == EDQUOT ? .noSpace : .cannotCreate, subject: path,
        message: "cannot make the run's directory", errno: problem, reason: String(cString: strerror(problem)))
    }
  }

  /// Takes back ``prepareDirectory(of:)`` for a run that did not come to be.
  func removeDirectory(of run: WorkflowID) {
    let directory = RunDirectory(run, in: home.runs)
    for path in [directory.files, directory.path] { rmdir(path) }
  }

  /// Keeps the submitted bytes of new runs in their directories, once their first tasks have started.
  func keepContents() throws(Failure) {
    while let (run, bytes, format) = unkept.popLast() { try keepContent(bytes, of: run, format) }
  }

  /// Keeps the submitted bytes in the run's directory. The journal has them too: a crash before this is repaired when the
  /// run settles.
  func keepContent(_ bytes: [UInt8], of run: WorkflowID, _ format: SubmissionFormat) throws(Failure) {
    let path = RunDirectory(run, in: home.runs).workflow(extension: format.rawValue)
    try AtomicFile.replace(path, with: bytes, mode: 0o600)
  }

  /// Puts the files of ended runs into their places, after the journal has recorded their ends. Every step can be
  /// repeated: recovery does it again for every run that is not marked settled.
  func settleEnded() throws(Failure) {
    while let run = unsettled.first {
      try settle(run)
      unsettled.removeFirst()
      settled.append(run)
      if settledSince == nil { settledSince = clock.now().boot }
    }
  }

  private func settle(_ id: WorkflowID) throws(Failure) {
    guard let report = try journal.read({ try RunReport(id, in: $0, runs: home.runs) }) else { return }
    let run = report.run
    // A retry may have been asked for since the end was recorded: then the file stays where it is, for whoever adopts it.
    guard run.state.isTerminal, run.owner == self.id else { return owned[id] = nil }
    let directory = RunDirectory(id, in: home.runs)
    let content = { () throws(Failure) -> [UInt8] in try self.journal.read { try $0.content(id) ?? [] } }
    if run.state != .rejected {
      if access(directory.workflow(extension: run.fileExtension), F_OK) != 0 {
        try prepareDirectory(of: id)
        try keepContent(try content(), of: id, run.format)
      }
      try AtomicFile.replace(directory.record, with: report.json, mode: 0o600)
      // The journal has their content.
      for name in Listing.readable(in: directory.path) where name.hasPrefix(RunDirectory.outputPrefix) {
        unlink("\(directory.path)/\(name)")
      }
    }
    try spool.settle(
      Settlement(id: id, format: run.format, place: run.state.place, receipt: run.receipt, content: content))
    if run.state != .rejected { result.ended[id] = run.state }
    owned[id] = nil
  }

  /// Brings the file of a run that is retried back to `active/`, takes its receipt away, and lets `run.json` say that it
  /// goes on. The journal has said so before. Every runner that adopts such a run repeats it, so a crash between the
  /// request and this, or anywhere in this, is mended by the next.
  func unsettle(_ run: RunRecord) throws(Failure) {
    try spool.reopen(run.id, run.format) { () throws(Failure) in try self.journal.read { try $0.content(run.id) ?? [] }
    }
    guard let report = try journal.read({ try RunReport(run.id, in: $0, runs: home.runs) }) else { return }
    try AtomicFile.replace(RunDirectory(run.id, in: home.runs).record, with: report.json, mode: 0o600)
  }

  /// Marks what was settled after the last commit; without it the next runner would settle it again, which is harmless.
  func finishSettling() throws(Failure) {
    try settleEnded()
    guard !settled.isEmpty || !deltas.isEmpty else { return }
    reports.countQueries(of: journal, into: &deltas, at: nil)
    let runs = settled
    let values = deltas.values
    try journal.commit { transaction in
      for run in runs { try transaction.markSettled(run, by: id) }
      try transaction.add(series: values)
    }
    settled.removeAll()
    settledSince = nil
    deltas.removeAll()
  }
}
