public import AstroConfiguration
public import AstroCore
import AstroJournal
import AstroProcess
import AstroSpool
import AstroTelemetry
import Glibc

/// `astro doctor --rebuild-journal`: makes a journal anew from what is left of the old one, the spool, the directories of
/// runs, and the logs of wardens. While it works no runner can begin; wardens go on, and the next runner adopts what they run.
///
/// A crash at any point is survived as ``JournalReplacement`` says; nothing else is changed.
public struct JournalRebuild {
  private let home: Home
  private let configuration: Configuration
  private let bootID: String
  private let clock: any AstroCore.Clock

  public init(home: Home, configuration: Configuration, bootID: String, clock: any AstroCore.Clock) {
    self.home = home
    self.configuration = configuration
    self.bootID = bootID
    self.clock = clock
  }

  /// - Throws: `try_later` while a runner is at work, `usage` for a journal that is sound; what the disk refuses, with
  ///   nothing changed.
  public func perform() throws(Failure) -> RebuildReport {
    mkdir(home.data, Home.dataMode)
    return try JournalReplacement.begin(dataDirectory: home.data, bootID: bootID, clock: clock) {
      replacement throws(Failure) -> RebuildReport in
      // Behind the gate no runner can begin; these locks prove that none is at work, and are given back at the end.
      let locks = try takeLocks()
      defer { withExtendedLifetime(locks) {} }
      if let directory = replacement.pending {
        try replacement.finish(to: directory)
        var report = RebuildReport(flaw: "an earlier rebuild had not come to its end")
        (report.setAside, report.isFinishing) = (directory, true)
        return report
      }
      return try rebuild(replacement)
    }
  }

  private func takeLocks() throws(Failure) -> [RunnerLock] {
    var locks: [RunnerLock] = []
    for runner in try RunnerLock.all(dataDirectory: home.data) {
      guard let lock = try RunnerLock.takeIfFree(dataDirectory: home.data, id: runner) else {
        throw Failure(
          .tryLater, subject: home.journal,
          message: "cannot be rebuilt while runner \(runner) is at work; stop it first, what it started goes on")
      }
      locks.append(lock)
    }
    return locks
  }

  private func rebuild(_ replacement: JournalReplacement) throws(Failure) -> RebuildReport {
    let spool = try Spool(directory: home.spool, rules: SpoolRules(), clock: clock)
    try spool.take(for: home.data)
    let traces = try Traces(home: home, spool: spool)
    let salvage = Salvage(dataDirectory: home.data)
    let seen = try replacement.flaw()
    var flaw = seen
    if flaw == nil { flaw = try contradiction(traces, salvage) }
    guard let flaw else {
      throw Failure(
        .usage, subject: home.journal,
        message: "is sound, there is nothing to rebuild; to begin anew, move data/ and what is in spool/ away")
    }
    var report = RebuildReport(flaw: flaw)
    var work = RebuildWork(
      home: home, configuration: configuration, traces: traces, salvage: salvage,
      // With commits grants are lost.
      isTrusted: seen != nil && replacement.hasAllCommits, now: clock.now().wall)
    try replacement.draft { transaction in try work.fill(transaction, &report) }
    report.setAside = try replacement.place(report: report.json)
    return report
  }

  /// What the journal does not know and must, though nothing is wrong with its file.
  private func contradiction(_ traces: Traces, _ salvage: Salvage?) throws(Failure) -> String? {
    for (id, lying) in traces.runs {
      let rows = salvage?.run(id) ?? .init()
      // What has ended by its row has ended, wherever its file lies.
      guard lying.place == .active || rows.run?.state.isTerminal == false else { continue }
      let found = try traces.found(id, rows)
      if found.contradictsRow { return "it does not know what is on disk of run \(id)" }
    }
    return nil
  }
}

extension FoundRun {
  /// Whether what is on disk of a run that goes on tells of something that must have been committed before, and is not in
  /// its rows.
  var contradictsRow: Bool {
    guard wasAdmitted else { return false }
    guard rows.run != nil else { return true }
    let known = Set((rows.attempts ?? []).map(\.key))
    return !commands.keys.allSatisfy { known.contains($0) }
  }
}
