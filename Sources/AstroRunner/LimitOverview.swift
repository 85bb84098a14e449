public import AstroConfiguration
public import AstroCore
public import AstroJournal
import AstroSpool

/// The limits of a home, and who waits for each: files in the spool for `workflow_creation`, tasks that are ready to start
/// for `task_submission`. Drawn from the spool and the journal, so it is the same whoever asks.
public struct LimitOverview {
  public let rows: [RateLimitStatistics]

  /// - Parameter reading: `nil` in a home where nothing ever ran.
  public init(
    _ home: Home, _ configuration: Configuration, _ reading: Reading?, bootID: String, at now: Moment
  ) throws(Failure) {
    let runners = try WorkingRunner.all(dataDirectory: home.data)
    let queue = try SpoolQueue(home, configuration, reading, bootID: bootID, at: now)
    let active = try reading?.active().count ?? 0
    let files = try queue.files(.init(activeRuns: active, hasRunner: runners.hasTaker)).files
    try self.init(files: files, home, configuration, reading, bootID: bootID, at: now)
  }

  init(
    files: [WaitingFile], _ home: Home, _ configuration: Configuration, _ reading: Reading?, bootID: String,
    at now: Moment
  ) throws(Failure) {
    var waiting: [LimitPlace: LimitWaiters] = [:]
    for file in files {
      guard case .limit(let limiter, let key, _, _) = file.hold else { continue }
      waiting[LimitPlace(limiter: limiter, key: key), default: .init()].add(since: file.sight.modifiedAt)
    }
    let limits = RateLimits(configured: configuration.limiters(at: now.wall))
    let states = try reading?.limitStates() ?? []
    if let reading {
      for user in states.filter({ $0.limiter == LimiterName.taskSubmission }).map(\.key) {
        // A limit that lets the next one through holds nobody: those who are ready wait for a slot.
        let verdict = try limits.check(LimiterName.taskSubmission, key: user, in: reading, at: now, bootID: bootID)
        guard !verdict.allowed else { continue }
        for entry in try StartLine(of: user, in: reading, home: home, at: now.wall).entries {
          waiting[LimitPlace(limiter: LimiterName.taskSubmission, key: user), default: .init()].add(since: entry.since)
        }
      }
    }
    if let reading, !configuration.limits.isEmpty || configuration.agents.contains(where: \.kind.isPerformer) {
      for run in try reading.active() {
        let situation = try RunSituation(
          run.id, in: reading, home: home, configuration: configuration, at: now, bootID: bootID)
        for (task, verdict) in situation?.refusals ?? [:] {
          let since = situation?.plan.tasks.first { $0.id == task }.flatMap { situation?.readySince($0) }
          waiting[LimitPlace(limiter: verdict.limiter, key: verdict.key), default: .init()].add(
            since: since ?? now.wall)
        }
      }
    }
    rows = limits.statistics(of: states, waiting: waiting, bootID: bootID, at: now)
  }
}
