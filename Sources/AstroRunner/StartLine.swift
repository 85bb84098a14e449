import AstroConfiguration
import AstroCore
import AstroJournal

/// The tasks that are ready to start and have no grant yet, of all runs that a runner is at work on, in the order in
/// which the limit on starts lets each user's through: by priority, by the age of the run, by their order in its file.
struct StartLine {
  static let limiter = "task_submission"

  struct Entry: Equatable {
    var run: WorkflowID
    var task: String
    /// Since when it is ready.
    var since: Timestamp
  }

  private(set) var users: [String: [Entry]] = [:]

  /// - Parameter user: only this one's; `nil` is everybody's.
  init(of user: String? = nil, in journal: Reading, home: Home, at now: Timestamp) throws(Failure) {
    let runners = try WorkingRunner.all(dataDirectory: home.data)
    let runs = try journal.active().filter { run in
      (user == nil || run.user == user) && run.state != .held && !run.isCancelRequested
        && runners.presence(of: run.owner) == .working
    }
    var situations: [RunSituation] = []
    for run in runs { situations.append(try RunSituation(run, in: journal, at: now)) }
    self.init(situations)
  }

  /// - Parameter situations: oldest first.
  init(_ situations: [RunSituation]) {
    for (_, situation) in situations.enumerated().sorted(by: {
      ($1.element.run.priority, $0.offset) < ($0.element.run.priority, $1.offset)
    }) {
      for task in situation.plan.tasks {
        guard let since = situation.readySince(task) else { continue }
        users[situation.run.user, default: []].append(Entry(run: situation.run.id, task: task.id, since: since))
      }
    }
  }

  /// When the limit lets each task of one run through; those that it lets through now are left out.
  func openings(of run: RunRecord, _ forecast: LimitForecast) -> [String: Timestamp] {
    var forecast = forecast
    var openings: [String: Timestamp] = [:]
    for entry in users[run.user] ?? [] {
      let opens = forecast.next()
      if entry.run == run.id { openings[entry.task] = opens }
    }
    return openings
  }
}
