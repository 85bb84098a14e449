public import AstroCore

/// One run: the row that is the truth about a claimed file. Its content is read apart (``Reading/content(_:)``), so that
/// lists stay light.
public struct RunRecord: Sendable, Equatable {
  public var id: WorkflowID
  public var name: String
  public var user: String
  /// Whose file it was; until that is known, nobody's.
  public var submitter = UInt32.max
  public var state: RunState
  public var priority: Int
  /// The name the file had in `spool/`, byte for byte.
  public var file: [UInt8]
  /// Without the dot: `yaml`, `yml`, `json`, `jsonl`.
  public var fileExtension: String
  /// Lower-case hexadecimal; empty when the file was never read.
  public var sha256: String
  /// Bound and typed values.
  public var params: [String: JSONValue] = [:]
  public var submittedAt: Timestamp
  public var claimedAt: Timestamp
  public var startedAt: Timestamp?
  public var finishedAt: Timestamp?
  /// The runner that works on it; `nil` once nobody must.
  public var owner: String?
  /// The file lies in its final place and its receipt beside it.
  public var isSettled = false
  public var isCancelRequested = false
  /// Nothing more of it is started. ``state`` is `held` for as long, unless it has ended.
  public var isHoldRequested = false
  /// When it was last taken up again after its end (`astro retry`).
  public var retriedAt: Timestamp?
  /// Why it is held, cancelled, rejected or failed, in one sentence.
  public var reason: String?
  public var errors: [Diagnostic] = []
  /// What the limiter said when it was admitted.
  public var rateLimit: LimitVerdict?
  /// How many tasks it has; 0 when it was rejected.
  public var taskCount = 0

  /// From when its present life counts, for its deadline and its duration: the claim, or the last retry.
  public var livesSince: Timestamp { retriedAt ?? claimedAt }
  /// From then to the end; `nil` while it goes on.
  public var duration: Duration? { finishedAt.map { $0 - livesSince } }

  public init(
    id: WorkflowID, name: String, user: String, state: RunState = .queued, priority: Int = 0, file: [UInt8],
    fileExtension: String, sha256: String, submittedAt: Timestamp, claimedAt: Timestamp, owner: String? = nil
  ) {
    self.id = id
    self.name = name
    self.user = user
    self.state = state
    self.priority = priority
    self.file = file
    self.fileExtension = fileExtension
    self.sha256 = sha256
    self.submittedAt = submittedAt
    self.claimedAt = claimedAt
    self.owner = owner
  }
}

/// One task of one run, kept from when it leaves `pending`.
public struct TaskRecord: Sendable, Equatable {
  public var run: WorkflowID
  public var task: String
  public var state: TaskState
  /// How many attempts were begun.
  public var attempts: Int
  /// How many of them a retry of the run has forgiven: the workflow's `retry` counts those above this number. Written by
  /// ``Transaction/reopen(_:tasks:)`` only.
  public var base = 0
  /// When a parked task may go on.
  public var notBefore: Timestamp?
  public var reason: String?
  public var exitCode: Int32?
  public var outputs: [String: String]
  /// Kept only where an expression reads it.
  public var stdout: String?
  public var startedAt: Timestamp?
  public var finishedAt: Timestamp?

  public init(
    run: WorkflowID, task: String, state: TaskState, attempts: Int = 0, notBefore: Timestamp? = nil,
    reason: String? = nil, exitCode: Int32? = nil, outputs: [String: String] = [:], stdout: String? = nil,
    startedAt: Timestamp? = nil, finishedAt: Timestamp? = nil
  ) {
    self.run = run
    self.task = task
    self.state = state
    self.attempts = attempts
    self.notBefore = notBefore
    self.reason = reason
    self.exitCode = exitCode
    self.outputs = outputs
    self.stdout = stdout
    self.startedAt = startedAt
    self.finishedAt = finishedAt
  }
}

/// One attempt: begun in the journal before anything is started, ended there before anything is reported.
public struct AttemptRecord: Sendable, Equatable {
  public var key: AttemptKey
  public var agent: String
  /// The runner whose warden started it.
  public var launcher: String
  public var started: Moment
  /// The boot that `started.boot` counts from.
  public var bootID: String
  /// What its start took of named limits, to be given back should it be taken back. What is in the ledger of calls is not
  /// among it.
  public var charges: [LimitCharge]
  /// Why it was asked to end, in the scheduler's word, recorded before it was asked.
  public var endingCause: String?
  /// `nil` while it runs, or while nobody knows yet how it ended.
  public var ending: Ending?

  public struct Ending: Sendable, Equatable {
    public var outcome: AttemptOutcome
    public var finishedAt: Timestamp
    public var duration: Duration
    public var usage: ResourceUsage
    public var omitted: OmittedOutput
    /// Nothing was done: an equal attempt had been before.
    public var isCached = false

    public init(
      outcome: AttemptOutcome, finishedAt: Timestamp, duration: Duration, usage: ResourceUsage,
      omitted: OmittedOutput = .none
    ) {
      self.outcome = outcome
      self.finishedAt = finishedAt
      self.duration = duration
      self.usage = usage
      self.omitted = omitted
    }
  }

  public var outcome: AttemptOutcome? { ending?.outcome }

  public init(
    key: AttemptKey, agent: String, launcher: String, started: Moment, bootID: String, charges: [LimitCharge] = [],
    ending: Ending? = nil
  ) {
    self.key = key
    self.agent = agent
    self.launcher = launcher
    self.started = started
    self.bootID = bootID
    self.charges = charges
    self.ending = ending
  }
}

/// One attempt that has a process.
public struct OccupiedSlot: Sendable, Equatable {
  public var agent: String
  /// Of its run; `nil` between two runners.
  public var owner: String?

  public init(agent: String, owner: String?) {
    self.agent = agent
    self.owner = owner
  }
}

/// What is remembered of an agent: its decayed successes and failures, and its health.
public struct AgentRecord: Sendable, Equatable {
  public var id: String
  public var successes: Double
  public var failures: Double
  /// In a row.
  public var infrastructureFailures: Int
  /// When it is probed next; `nil` while it is healthy.
  public var probeAt: Timestamp?
  public var lastError: String?

  public init(
    id: String, successes: Double = 0, failures: Double = 0, infrastructureFailures: Int = 0, probeAt: Timestamp? = nil,
    lastError: String? = nil
  ) {
    self.id = id
    self.successes = successes
    self.failures = failures
    self.infrastructureFailures = infrastructureFailures
    self.probeAt = probeAt
    self.lastError = lastError
  }
}

/// The parameters given with `astro submit -p`, written before the file is placed and taken when it is claimed.
public struct SubmissionRecord: Sendable, Equatable {
  public var id: String
  /// As typed: `name=value`.
  public var params: [String: String]
  public var user: String
  public var createdAt: Timestamp

  public init(id: String, params: [String: String], user: String, createdAt: Timestamp) {
    self.id = id
    self.params = params
    self.user = user
    self.createdAt = createdAt
  }
}
