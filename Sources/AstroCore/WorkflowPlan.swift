/// A checked workflow: everything the file says, resolved as far as it can be before the run.
public struct WorkflowPlan: Sendable, Equatable {
  /// `nil` when the file does not say: the stem of its name is used.
  public var name: String?
  public var description: String?
  public var labels: [String: String] = [:]
  public var user: String?
  public var priority = 0
  public var notBefore: Timestamp?
  /// How long the whole run may take, from its claim or its last retry.
  public var deadline: Duration?
  /// Of the whole run.
  public var budget: BudgetPlan?
  public var params: [ParameterPlan] = []
  public var env: [EnvironmentPlan] = []
  public var secrets: [SecretPlan] = []
  /// Commands that models may call.
  public var tools: [ToolPlan] = []
  /// In the order of the file. ``TaskPlan/needs`` are positions in this array.
  public var tasks: [TaskPlan] = []
  /// Of a batch file, whose one task makes them all.
  public var requests: Int?

  public init() {}
}

public struct ParameterPlan: Sendable, Equatable {
  public enum Kind: String, Sendable, CaseIterable { case string, integer, number, boolean, list }
  public var name: String
  public var kind: Kind
  public var required: Bool
  /// The pattern, in Astro's own subset of regular expressions, that a string must match; as a whole where it is anchored.
  public var pattern: String?
  public var defaultValue: JSONValue?

  public init(name: String, kind: Kind, required: Bool, pattern: String? = nil, defaultValue: JSONValue? = nil) {
    self.name = name
    self.kind = kind
    self.required = required
    self.pattern = pattern
    self.defaultValue = defaultValue
  }
}

public struct EnvironmentPlan: Sendable, Equatable {
  public var name: String
  public var value: Template

  public init(name: String, value: Template) {
    self.name = name
    self.value = value
  }
}

/// One node of the plan.
public struct TaskPlan: Sendable, Equatable {
  public var id: String
  /// Positions in ``WorkflowPlan/tasks`` of the tasks it waits for, without repetition.
  public var needs: [Int] = []
  public var work: Work
  /// What an agent is chosen by.
  public var agent = AgentRequest()
  public var workdir: Template?
  public var env: [EnvironmentPlan] = []
  /// `if:`; without a status function in it `success() &&` is implied.
  public var condition: Expression?
  /// Per attempt; `nil` is none.
  public var timeout: Duration?
  /// Between TERM and KILL.
  public var grace: Duration = .seconds(10)
  public var retry = RetryPolicy()
  public var resources = ResourceLimits()
  public var continueOnError = false
  /// Outputs it promises: missing one after success is a failure.
  public var outputs: [String] = []
  /// The named limits it takes, besides those of its agent.
  public var limits: [String] = []
  /// Of all its attempts.
  public var budget: BudgetPlan?
  public var cache: CachePlan?
  /// Some expression of the workflow reads its stdout: the text is kept with its record.
  public var keepsStdout = false

  public init(id: String, work: Work) {
    self.id = id
    self.work = work
  }
}

/// What a task does.
public enum Work: Sendable, Equatable {
  /// A script handed to an interpreter as the argument after `shell`, `["/bin/sh", "-eu", "-c"]` unless said otherwise.
  case script(String, shell: [String])
  /// A program and its arguments, executed without a shell.
  case command([Template])
  /// What an agent that is no command is asked: the task's `with:`.
  case request(ValueTemplate)
}

/// How a task says what is to be done: an agent understands one of them.
public enum WorkForm: String, Sendable, CaseIterable {
  /// A script or a program and its arguments.
  case run
  /// A request, in the words of the agent's type.
  case with
}

/// Which agent may take a task: one by its id, or any of a type, or any with all the capabilities; and of those only the
/// ones that understand its form.
public struct AgentRequest: Sendable, Equatable, Hashable {
  /// An agent's id or a type's name, as written.
  public var name: String?
  public var capabilities: [String]
  public var form: WorkForm

  public init(name: String? = nil, capabilities: [String] = [], form: WorkForm = .run) {
    self.name = name
    self.capabilities = capabilities
    self.form = form
  }

  /// The end of a sentence: `agent 'x' with the capabilities a, b`.
  public var phrase: String {
    let named = name.map { "agent '\($0)'" } ?? "an agent"
    return capabilities.isEmpty ? named : "\(named) with the capabilities \(capabilities.joined(separator: ", "))"
  }
}

/// When a failed attempt is followed by another.
public struct RetryPolicy: Sendable, Equatable {
  /// The kinds of `on_error`.
  public enum Cause: String, Sendable, CaseIterable { case timeout, signal, lost, start, output, provider, tool }

  /// The first attempt is counted: 1 means no retry.
  public var attempts = 1
  public var delay: Duration = .seconds(1)
  public var factor = 2.0
  public var maxDelay: Duration = .seconds(300)
  /// Equal jitter: a wait is drawn between half of the backoff and all of it.
  public var jitter = true
  /// Only these exit codes; empty with an empty ``onError``: any failure but `lost`.
  public var onExit: [Int32] = []
  public var onError: [Cause] = []

  public init() {}

  /// Whether `outcome` of attempt `number` is tried again. A `lost` attempt may have done its work: it is repeated only
  /// where the workflow says `on_error: [lost]`.
  public func retries(_ outcome: AttemptOutcome, after number: Int) -> Bool {
    guard number < attempts else { return false }
    let anything = onExit.isEmpty && onError.isEmpty
    switch outcome {
    case .exited(0), .cancelled: return false
    case .exited(let code): return anything || onExit.contains(code)
    case .signalled, .outOfMemory(_, .signalled): return anything || onError.contains(.signal)
    case .outOfMemory(_, .exited(let code)): return anything || onExit.contains(code)
    case .timedOut: return anything || onError.contains(.timeout)
    case .notStarted: return anything || onError.contains(.start)
    case .invalidOutput: return anything || onError.contains(.output)
    case .lost: return onError.contains(.lost)
    case .performed(.providerError, _): return anything || onError.contains(.provider)
    case .performed(.toolError, _): return anything || onError.contains(.tool)
    case .performed(.truncated, _), .performed(.rateLimited, _): return anything
    // What the model declined, what a ceiling of the task's own ended, what no money is left for: it would be the same again,
    // and paid for again.
    case .performed: return false
    }
  }

  /// The wait after attempt `number`: `delay * factor^(number-1)`, at most ``maxDelay``. `draw` in 0..<1 places it.
  public func backoff(after number: Int, draw: Double) -> Duration {
    var seconds = delay.seconds
    for _ in 1..<max(number, 1) where seconds < maxDelay.seconds { seconds *= factor }
    seconds = min(seconds, maxDelay.seconds)
    return .microseconds(Int64(seconds * 1_000_000 * (jitter ? 0.5 + draw / 2 : 1)))
  }
}
