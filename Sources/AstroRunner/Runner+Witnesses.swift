import AstroConfiguration
import AstroCore
import AstroJournal
import AstroProcess
import AstroSpool
import Glibc

/// What lies on disk was written after the journal had it. Where the journal does not have it, it has lost commits, by a
/// log that was cut or taken away: to go on would run again what has run. So the runner ends, and says so.
extension Runner {
  /// Throws `journal_damaged` when a dead runner's warden has started something that the journal does not know.
  func requireKnown(_ runner: String) throws(Failure) {
    let wreck = try Wreck.survey(dataDirectory: home.data, runnerID: runner)
    let started = Set(wreck.ended.keys).union(wreck.running.keys).union(wreck.lost.keys)
    for (run, keys) in Dictionary(grouping: started, by: \.workflow) {
      let known: Set<AttemptKey>? = try journal.read { reading in
        try reading.run(run).map { _ in Set(try reading.attempts(of: run).map(\.key)) }
      }
      if let known {
        if let key = keys.first(where: { !known.contains($0) }) {
          throw journal.damaged("it does not know attempt \(key)")
        }
      } else if try liesInActive(run) {
        throw journal.damaged("it does not know run \(run)")
      }
    }
  }

  /// The same for a file in `active/` without a row, of a run that has been told of.
  func requireNew(_ file: ActiveFile) throws(Failure) {
    let directory = RunDirectory(file.id, in: home.runs)
    let hasTraces = access(directory.record, F_OK) == 0 || access(directory.events, F_OK) == 0
    // Asked again: whoever is just claiming it writes the row first.
    guard hasTraces, try journal.read({ try $0.run(file.id) }) == nil else { return }
    throw journal.damaged("it does not know run \(file.id)")
  }

  /// Throws `journal_damaged` for content that is not what was claimed. The run's record is no witness: tasks can write it.
  func requireConsistent(_ run: RunRecord, _ content: [UInt8]) throws(Failure) {
    guard !run.sha256.isEmpty, Candidate.sha256(of: content) != run.sha256 else { return }
    throw journal.damaged("the content of run \(run.id) has not its checksum")
  }

  private func liesInActive(_ run: WorkflowID) throws(Failure) -> Bool {
    for format in SubmissionFormat.allCases {
      if try spool.holds(run, format, in: .active) { return true }
    }
    return false
  }
}
