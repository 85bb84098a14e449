import AstroAgents
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
        .cannotCreate, subject: path,
        message: "cannot make the run's directory", errno: problem, reason: String(cString: strerror(problem)))
    }
  }

  /// Keeps the submitted bytes of new runs in their directories, once their first tasks have started.
  func keepContents() throws(Failure) {
    while let (run, bytes, format) = unkept.popLast() {
      try keeping(run) { () throws(Failure) in try keepContent(bytes, of: run, format) }
    }
    for run in changed where owned[run] != nil { try writeRecord(run) }
    changed.removeAll()
  }

  /// Keeps the submitted bytes in the run's directory. The journal has them too: a crash before this is repaired when the
  /// run settles, and a power cut after it, which leaves an empty file, by whoever takes the run over.
  func keepContent(_ bytes: [UInt8], of run: WorkflowID, _ format: SubmissionFormat) throws(Failure) {
    let path = RunDirectory(run, in: home.runs).workflow(extension: format.rawValue)
    try AtomicFile.replace(path, with: bytes, mode: 0o600)
  }

  /// Puts the files of ended runs into their places, after the journal has recorded their ends. Every step can be
  /// repeated: recovery does it again for every run that is not marked settled.
  func settleEnded() throws(Failure) {
    // After a trouble one goes first: while it stays, others would be made ready in vain at each look around.
    var together = toldTrouble == nil ? Self.settledTogether : 1
    while spoolTrouble == nil, !unsettled.isEmpty {
      let runs = Array(unsettled.prefix(together))
      together = Self.settledTogether
      unsettled.removeFirst(runs.count)
      for run in runs { tools.beginEnd(of: run) }
      let left = try settle(runs)
      if spoolTrouble == nil { unsettleable += left } else { unsettled = left + unsettled }
    }
    try marks.advance(to: clock.now().boot)
  }

  /// So many runs share the synchronization of their directories, under the gate: few enough that nobody waits long there.
  private static let settledTogether = 8

  /// - Returns: those whose files could not be put into their places.
  private func settle(_ runs: [WorkflowID]) throws(Failure) -> [WorkflowID] {
    // What takes long for a large run is done before the gate is taken.
    var endings: [Ended] = []
    var left: [WorkflowID] = []
    for run in runs {
      guard let ended = try prepare(run) else { continue }
      if try placeResults(of: ended.run) { endings.append(ended) } else { left.append(run) }
    }
    // Under the gate a run cannot be taken up again by a retry between the look at its row and the renames: an ending that
    // was overtaken must not lie over the run's present life.
    let placed = try journal.commit { transaction in
      let current = try endings.filter { ended in
        try transaction.reading.run(ended.run.id) == ended.run
      }
      for ended in current { try keepRecord(ended, content: content(of: ended.run.id, in: transaction)) }
      let settlements = current.map { settlement(of: $0.run, in: transaction) }
      if try !placeTogether(settlements) {
        for settlement in settlements {
          let isPlaced =
            try spoolTrouble == nil && placing(settlement.id) { () throws(Failure) in try spool.settle([settlement]) }
          if !isPlaced { left.append(settlement.id) }
        }
      }
      return current.map(\.run).filter { !left.contains($0.id) }
    }
    if !placed.isEmpty { troublePause = .zero }
    // One that was taken up again meanwhile, by us or to be, lives on.
    for run in runs where !left.contains(run) && !isActive(run) { owned[run] = nil }
    if options.mode != .watch {
      for run in placed where run.state != .rejected { result.ended[run.id] = run.state }
    }
    marks.add(placed.map { .init(id: $0.id, finishedAt: $0.finishedAt) }, at: clock.now().boot)
    return left
  }

  /// - Returns: whether what a batch has come to lies where its receipt will.
  private func placeResults(of run: RunRecord) throws(Failure) -> Bool {
    let path = RunDirectory(run.id, in: home.runs).results
    guard run.format == .jsonl, access(path, F_OK) == 0 else { return true }
    return try placing(run.id) { () throws(Failure) in
      try spool.place(resultsAt: path, of: run.id, in: run.state.place)
    }
  }

  /// - Returns: `false` when one of them stands in the way: they are to be placed one by one, to find out which.
  private func placeTogether(_ settlements: [Settlement]) throws(Failure) -> Bool {
    do throws(Failure) { try spool.settle(settlements) } catch {
      if isFinal(error) { throw error }
      return false
    }
    for settlement in settlements { misplaced[settlement.id] = nil }
    return true
  }

  private func settlement(of run: RunRecord, in transaction: Transaction) -> Settlement {
    Settlement(
      id: run.id, format: run.format, file: FileName(bytes: run.file), place: run.state.place, receipt: run.receipt,
      content: content(of: run.id, in: transaction))
  }

  /// A run that has ended, as the journal has it, and its `run.json`.
  private struct Ended {
    var run: RunRecord
    var record: [UInt8]
  }

  /// - Returns: `nil` when a retry has been asked for since the end was recorded: then the file stays where it is, for
  ///   whoever adopts the run.
  private func prepare(_ id: WorkflowID) throws(Failure) -> Ended? {
    guard let report = try journal.read({ try RunReport(id, in: $0, runs: home.runs) }) else { return nil }
    guard report.run.state.isTerminal, report.run.owner == self.id else {
      nextRescan = 0  // Whoever took it up again may have rung while it was still ours.
      return nil
    }
    return Ended(run: report.run, record: report.run.state == .rejected ? [] : report.json)
  }

  /// The submitted bytes, asked for only where the file itself is gone.
  private func content(
    of run: WorkflowID, in transaction: Transaction
  ) -> () throws(Failure) -> [UInt8] {
    { () throws(Failure) in try transaction.reading.content(run) ?? [] }
  }

  private func keepRecord(_ ended: Ended, content: () throws(Failure) -> [UInt8]) throws(Failure) {
    guard ended.run.state != .rejected else { return }
    let (run, directory) = (ended.run, RunDirectory(ended.run.id, in: home.runs))
    try keeping(run.id) { () throws(Failure) in
      let isInherited = inherited.remove(run.id) != nil
      if isInherited || access(directory.workflow(extension: run.fileExtension), F_OK) != 0 {
        try prepareDirectory(of: run.id)
        try keepContent(try content(), of: run.id, run.format)
      }
      try AtomicFile.replace(directory.record, with: ended.record, mode: 0o600)
    }
    // Of outputs the journal has the content; the temporary files are of runners that died, as only the owner writes here.
    for name in Listing.readable(in: directory.path)
    where name.hasPrefix(RunDirectory.outputPrefix) || AtomicFile.isTemporary(name) {
      unlink("\(directory.path)/\(name)")
    }
  }

  /// Writes into a run's directory. What the run's own tasks put in the way there is that run's trouble: it is told, and
  /// nobody else has to wait for it. The journal has all that would have been written.
  func keeping(_ run: WorkflowID, _ body: () throws(Failure) -> Void) throws(Failure) {
    do throws(Failure) { try body() } catch {
      guard let problem = error.errno, Self.obstructions.contains(problem) else { throw error }
      log.error("Run directory obstructed", error: error, metadata: ["workflow_id": .string(run.text)])
      deltas.increment(.errors, ["run_directory"])
    }
  }

  private static let obstructions: Set<Int32> = [
    EISDIR, ENOTDIR, EEXIST, ENOTEMPTY, ENOENT, ELOOP, EACCES, EPERM,
  ]

  /// Brings the file of a run that is retried back to `active/`, takes its receipt away, and lets `run.json` say that it
  /// goes on. The journal has said so before. Every runner that adopts such a run repeats it, so a crash between the
  /// request and this, or anywhere in this, is mended by the next.
  func unsettle(_ run: RunRecord) throws(Failure) {
    unopened[run.id] = run.format
    if spoolTrouble == nil { try reopenRuns() }
    try writeRecord(run.id)
  }

  /// Brings the files of retried runs back to `active/`, where that has not been done. A run whose file cannot be moved now
  /// goes on: its file is brought from wherever it lies when it ends again.
  func reopenRuns() throws(Failure) {
    for (run, format) in unopened {
      guard owned[run] != nil else {
        unopened[run] = nil
        continue
      }
      let isOpen = try placing(run) { () throws(Failure) in
        try spool.reopen(run, format) { () throws(Failure) in try self.journal.read { try $0.content(run) ?? [] } }
      }
      if isOpen { unopened[run] = nil }
      if spoolTrouble != nil { return }
    }
  }

  /// Writes `run.json` as the journal has the run now.
  private func writeRecord(_ run: WorkflowID) throws(Failure) {
    guard let report = try journal.read({ try RunReport(run, in: $0, runs: home.runs) }) else { return }
    try keeping(run) { () throws(Failure) in
      try AtomicFile.replace(RunDirectory(run, in: home.runs).record, with: report.json, mode: 0o600)
    }
  }

  /// Settles and marks what is left, and records the last counters.
  func finishSettling() throws(Failure) {
    try settleEnded()
    try marks.finish()
    let runs = marks.durable
    guard !runs.isEmpty || !deltas.isEmpty else { return }
    reports.countQueries(of: journal, into: &deltas, at: nil)
    let values = deltas.values
    try journal.commit { transaction in
      for run in runs { try transaction.markSettled(run.id, by: id, finishedAt: run.finishedAt) }
      try transaction.add(series: values)
    }
    marks.forgetDurable()
    deltas.removeAll()
  }
}
