/// Everything needed to start one attempt, expressions resolved.
public struct AttemptStart: Sendable {
  public var key: AttemptKey
  public var user: String
  /// The agent's id.
  public var agent: String
  public var work: AttemptWork
  /// What `env:` gives, in order; later entries win.
  public var environment: [(name: String, value: String)]
  /// Those entries of its `env:` that hold secrets; they win over ``environment``.
  public var secretEnvironment: [SecretVariable] = []
  /// `nil` is `$ASTRO_RUN_DIR`.
  public var workdir: String?
  public var promise: AttemptPromise
  public var resources: ResourceLimits
  /// Commands that its agent may let a model call, where its request names them.
  public var tools: [CommandTool] = []
  /// The named limits it takes, besides those of its agent.
  public var limits: [String] = []
  /// What equal attempts came to may stand for it, and it for them.
  public var cache: CachePlan?
  /// Under what its result will be kept; `nil` when it will not be.
  public var ticket: CacheTicket?
  /// Of its task, and of its run.
  public var budget: BudgetPlan?
  public var runBudget: BudgetPlan?

  public init(
    key: AttemptKey, user: String, agent: String, work: AttemptWork,
    environment: [(name: String, value: String)] = [], workdir: String? = nil, promise: AttemptPromise = .init(),
    resources: ResourceLimits = .init()
  ) {
    self.key = key
    self.user = user
    self.agent = agent
    self.work = work
    self.environment = environment
    self.workdir = workdir
    self.promise = promise
    self.resources = resources
  }
}

/// What an attempt is to do.
public enum AttemptWork: Sendable, Equatable {
  /// A program and its arguments.
  case process([String])
  /// What its agent is asked.
  case request(RequestValue)
}

/// What must be read from an attempt when it has ended.
public struct AttemptPromise: Sendable, Equatable {
  /// Outputs the task says it writes.
  public var outputs: [String]
  /// Some expression reads its stdout.
  public var keepsStdout: Bool
  /// How much memory it was given, in bytes, to be named where that was too little.
  public var memory: Int64?
  /// The agent that knows how to read what it left, where that is a program of its own.
  public var reader: String?

  public init(outputs: [String] = [], keepsStdout: Bool = false, memory: Int64? = nil) {
    self.outputs = outputs
    self.keepsStdout = keepsStdout
    self.memory = memory
  }
}

/// How an attempt is asked to end.
public enum TerminationSignal: Sendable, Equatable { case terminate, kill }
