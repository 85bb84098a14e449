public import AstroConfiguration
public import AstroCore
public import AstroJournal
public import AstroSpool

/// Everything a ``FileExplanation`` is drawn from.
public struct FileSituation: Sendable {
  public enum Sight: Sendable, Equatable {
    case ignored
    case refused([Diagnostic])
    case notYet(NotYet.Reason, until: Timestamp)
    case complete(notBefore: Timestamp?)
  }

  public var file: String
  public var sight: Sight
  /// Why a runner could not take it.
  public var stuck: String?
  /// What the limit on new runs would say to the file's user now.
  public var limit: LimitVerdict?
  /// When it lets this file through, those before it first.
  public var opensAt: Timestamp?
  public var active = 0
  public var held = 0
  public var mostActive: Int
  public var hasRunner = true
  public var now: Timestamp

  public init(file: String, sight: Sight, mostActive: Int, now: Timestamp) {
    self.file = file
    self.sight = sight
    self.mostActive = mostActive
    self.now = now
  }

  var causes: [FileExplanation.Cause] { (stuck.map { [.stuck($0)] } ?? []) + sightCauses }

  private var sightCauses: [FileExplanation.Cause] {
    switch sight {
    case .ignored: return [.ignored]
    case .refused(let errors): return [.refused(errors)]
    case .notYet(let reason, let until): return [.notYet(reason, until: until)]
    case .complete(let notBefore):
      var causes: [FileExplanation.Cause] = []
      if let notBefore, notBefore > now { causes.append(.notBefore(notBefore)) }
      if let limit, !limit.allowed { causes.append(.limit(limit, opensAt: opensAt ?? now + limit.retryAfter)) }
      if active >= mostActive { causes.append(.full(active: active, held: held, most: mostActive)) }
      return causes
    }
  }

  /// Looks at a file in the spool as a runner does, and changes nothing; `nil` when none has this name.
  /// - Parameter journal: `nil` in a home where nothing ever ran.
  public init?(
    _ name: FileName, in spool: Spool, journal: JournalReader?, home: Home, configuration: Configuration,
    at now: Moment,
    bootID: String
  ) throws(Failure) {
    let system = configuration.system
    self.init(file: name.printable, sight: .ignored, mostActive: system.maxActiveWorkflows, now: now.wall)
    stuck = StuckFiles(healthFile: home.health).reason(of: name)
    hasRunner = try WorkingRunner.all(dataDirectory: home.data).hasTaker
    switch spool.look(at: name) {
    case .gone: return nil
    case .ignored: if spool.identity(of: name) == nil { return nil }
    case .refused(let refusal): sight = .refused([refusal.diagnostic(file: name.printable)])
    case .notYet(let wait):
      sight = .notYet(wait.reason, until: now.wall + .microseconds(max(0, wait.lookAgainAt - now.boot)))
    case .ready(let candidate):
      defer { candidate.close() }
      try judge(candidate, journal, configuration, now, bootID)
      guard limit?.allowed == false else { return }
      let files = try journal?.read {
        try SpoolQueue(home, configuration, $0, bootID: bootID, at: now)
          .files(.init(activeRuns: active, hasRunner: hasRunner)).files
      }
      opensAt = files?.first { $0.sight.name == name }?.hold.until
    }
  }

  private mutating func judge(
    _ candidate: Candidate, _ journal: JournalReader?, _ configuration: Configuration, _ now: Moment, _ bootID: String
  ) throws(Failure) {
    let submission = try journal?.read { try $0.submission(announcing: candidate.name) }
    let admission = Examiner(configuration).examine(candidate.bytes, from: .init(candidate), announced: submission)
    guard let plan = admission.plan else { return sight = .refused(admission.errors) }
    sight = .complete(notBefore: plan.notBefore)
    let user = admission.user
    guard let journal else { return }
    let runs = try journal.read { try $0.active() }
    active = runs.count
    held = runs.count { $0.state == .held }
    let limits = RateLimits(configured: configuration.system.limits)
    limit = try journal.read {
      try limits.check(LimiterName.workflowCreation, key: user, in: $0, at: now, bootID: bootID)
    }
  }
}
