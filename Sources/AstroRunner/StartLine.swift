import AstroConfiguration
import AstroCore
import AstroJournal

/// The tasks of one user that are ready to start and have no grant yet, of all runs that a runner is at work on, in the
/// order in which the limit on starts lets them through: by priority, by the age of the run, by their order in its file.
struct StartLine {
  struct Entry {
    var run: WorkflowID
    var task: String
    /// Since when it is ready.
    var since: Timestamp
  }

  private(set) var entries: [Entry] = []

  init(of user: String, in journal: Reading, home: Home, at now: Timestamp) throws(Failure) {
    let runners = try WorkingRunner.all(dataDirectory: home.data)
    let runs = try journal.active().filter { run in
      run.user == user && run.state != .held && !run.isCancelRequested
        && runners.presence(of: run.owner) == .working
    }
    let inOrder = runs.enumerated().sorted { ($1.element.priority, $0.offset) < ($0.element.priority, $1.offset) }
    for (_, run) in inOrder {
      let situation = try RunSituation(run, in: journal, at: now)
      for task in situation.plan.tasks {
        guard let since = situation.readySince(task) else { continue }
        entries.append(Entry(run: run.id, task: task.id, since: since))
      }
    }
  }

  /// When the limit lets each task of one run through; those that it lets through now are left out.
  func openings(of run: RunRecord, _ forecast: LimitForecast) -> [String: Timestamp] {
    var forecast = forecast
    var openings: [String: Timestamp] = [:]
    for entry in entries {
      let opens = forecast.next()
      if entry.run == run.id { openings[entry.task] = opens }
    }
    return openings
  }
}
