public import AstroConfiguration
public import AstroCore
public import AstroJournal
import AstroLimits
import AstroScheduling
import AstroSpool

/// The scheduler and the journal know nothing of each other: here their values meet.
extension TaskRecord {
  init(_ change: TaskChange) {
    self.init(
      run: change.workflow, task: change.task, state: change.state, attempts: change.attempts,
      notBefore: change.notBefore, reason: change.reason, exitCode: change.exitCode, outputs: change.outputs,
      stdout: change.stdout, startedAt: change.startedAt, finishedAt: change.finishedAt)
  }
}

extension RestoredTask {
  init(_ record: TaskRecord) {
    // Whether a limit is still used up its own row says: such a task asks anew.
    let asksAnew = record.reason.flatMap(Scheduler.limiter(in:)).map(LimiterName.isKnownElsewhere) ?? false
    self.init(
      state: record.state, attempts: record.attempts, notBefore: asksAnew ? nil : record.notBefore,
      exitCode: record.exitCode, outputs: record.outputs, stdout: record.stdout, startedAt: record.startedAt)
  }
}

extension AttemptRecord {
  /// Whether it counts against `retry.attempts`: faults of the machine do not.
  var isCounted: Bool {
    if case .notStarted(_, infrastructure: true)? = outcome { return false }
    return true
  }
}

extension AgentPool.Record {
  init(_ record: AgentRecord) {
    self.init(
      successes: record.successes, failures: record.failures, infrastructureFailures: record.infrastructureFailures,
      lastError: record.lastError, probeAt: record.probeAt)
  }
}

extension AgentRecord {
  init(id: String, _ record: AgentPool.Record) {
    self.init(
      id: id, successes: record.successes, failures: record.failures,
      infrastructureFailures: record.infrastructureFailures, probeAt: record.probeAt, lastError: record.lastError)
  }
}

extension RunRecord {
  var format: SubmissionFormat { SubmissionFormat(rawValue: fileExtension) ?? .yaml }
  /// The submitted name, safe to show.
  public var shownFile: String { FileName(bytes: file)?.printable ?? name }

  var receipt: Receipt {
    Receipt(
      workflow: id, file: shownFile, name: name, user: user, status: state, submittedAt: submittedAt,
      claimedAt: claimedAt, finishedAt: finishedAt ?? claimedAt, sha256: sha256, rateLimit: rateLimit, errors: errors)
  }
}

extension SystemConfiguration {
  /// The configured limiters as the journal's operations want them.
  public var limits: [String: RateLimits.Limit] {
    rateLimits.mapValues {
      switch $0 {
      case .unlimited: .unlimited
      case .window(let most, let window): .window(RateWindow(maxRequests: most, window: window))
      }
    }
  }
}

extension NamedLimit {
  /// Its windows as limiters, each under the name it is counted by, with the bounds in force at `time`.
  func limiters(at time: Timestamp) -> [String: RateLimits.Limit] {
    let bounds = bounds(atMinute: LocalTime.minute(of: time))
    let place = LimitPlace(limiter: name, key: "")
    var found: [String: RateLimits.Limit] = [:]
    if let rate = bounds.rate { found[name] = .window(RateWindow(rate)) }
    if let tokens = bounds.tokens { found[place.dimension(.tokens).limiter] = .window(RateWindow(tokens)) }
    if let spend = bounds.spend { found[place.dimension(.spend).limiter] = .window(RateWindow(spend)) }
    return found
  }
}

extension Configuration {
  /// Every limiter by its name: those that each user has, and the windows of the named ones as they are at `time`.
  public func limiters(at time: Timestamp) -> [String: RateLimits.Limit] {
    var limiters = system.limits
    // It bounds nothing itself: providers close it.
    limiters[LimiterName.provider] = .window(.open)
    for limit in limits { limiters.merge(limit.limiters(at: time)) { first, _ in first } }
    return limiters
  }

  var members: [AgentPool.Member] {
    agents.map {
      AgentPool.Member(
        id: $0.id, kind: $0.kind.rawValue, capabilities: $0.abilities, maxConcurrent: $0.maxConcurrent,
        form: $0.form, isPerformer: $0.kind.isPerformer, limits: $0.limits, timeout: $0.settings.timeout,
        fallbacks: $0.fallbacks)
    }
  }
}

extension AgentSettings {
  /// Of attempts whose task does not say.
  fileprivate var timeout: Duration? {
    switch self {
    case .command(let settings): settings?.timeout
    case .exec(let settings): settings.timeout
    case .code, .llm, .http, .mcp: nil
    }
  }
}

extension AgentKind {
  /// Whether its attempts are performed in the runner, and take no process of the launcher's.
  var isPerformer: Bool {
    switch self {
    case .llm, .http, .mcp: true
    case .command, .code, .exec: false
    }
  }
}

extension AgentConfiguration {
  /// What it can do: what it is said to, and the dialect that an agent of type llm speaks.
  var abilities: Set<String> {
    guard case .llm(let settings) = settings else { return Set(capabilities) }
    return Set(capabilities + [settings.dialect.rawValue])
  }
}
