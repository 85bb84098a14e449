/// Processor time and memory of one attempt, from wait4(2): its own and that of the children it waited for.
public struct ResourceUsage: Sendable, Equatable {
  public var userMicroseconds: Int64
  public var systemMicroseconds: Int64
  /// In KiB: the most memory the attempt held at a time, page cache included, where a control group counts that; else the
  /// peak resident set of its largest process (`ru_maxrss`).
  public var peakKiB: Int64

  public init(userMicroseconds: Int64 = 0, systemMicroseconds: Int64 = 0, peakKiB: Int64 = 0) {
    self.userMicroseconds = userMicroseconds
    self.systemMicroseconds = systemMicroseconds
    self.peakKiB = peakKiB
  }
}

/// How much of what an attempt printed was not kept, in bytes, on each of its streams.
public struct OmittedOutput: Sendable, Equatable {
  public var stdout: Int64
  public var stderr: Int64

  public init(stdout: Int64 = 0, stderr: Int64 = 0) {
    self.stdout = stdout
    self.stderr = stderr
  }

  public static let none = OmittedOutput()
}

/// How a process ended (wait(2)).
public enum WaitStatus: Sendable, Hashable {
  case exited(Int32)
  /// Killed by a signal.
  case signalled(Int32)
}

/// How one attempt ended. `lost` means that nobody knows: it is never success.
public enum AttemptOutcome: Sendable, Equatable {
  case exited(Int32)
  case signalled(Int32)
  /// It failed after the kernel had killed something of it, because it had used up its memory; the reason in one sentence,
  /// and how it then ended.
  case outOfMemory(String, WaitStatus)
  /// Its time was up, and it was made to end; how it then did.
  case timedOut(WaitStatus?)
  /// The same for a run that was stopped.
  case cancelled(WaitStatus?)
  /// The command could not be started; the reason in one sentence. `infrastructure` is true when the machine was at
  /// fault (no processes, no memory), false when the command was (no such program).
  case notStarted(reason: String, infrastructure: Bool)
  /// The command ended well but broke a promise of its own: an output missing or malformed.
  case invalidOutput(String)
  case lost(String)
  /// An agent did it itself, without a process; why it did not complete in one sentence. Endings that a process can have
  /// too are told by the cases above.
  case performed(AgentEnding, String?)

  public var isSuccess: Bool { self == .exited(0) || ending == .completed }

  /// The name of how an agent's own attempt ended.
  public var ending: AgentEnding? {
    switch self {
    case .performed(let ending, _): ending
    case .timedOut(nil): .timeout
    case .cancelled(nil): .cancelled
    case .exited, .signalled, .outOfMemory, .timedOut, .cancelled, .notStarted, .invalidOutput, .lost: nil
    }
  }

  /// Whether anything was begun.
  public var hasStarted: Bool {
    switch self {
    case .exited, .signalled, .outOfMemory, .invalidOutput, .lost, .performed: true
    case .timedOut(let status), .cancelled(let status): status != nil
    case .notStarted: false
    }
  }

  /// The state a task takes when this was its last attempt.
  public var taskState: TaskState {
    switch self {
    case .exited(0), .performed(.completed, _): .succeeded
    case .exited, .signalled, .outOfMemory, .notStarted, .invalidOutput, .performed: .failed
    case .timedOut: .timedOut
    case .cancelled: .cancelled
    case .lost: .lost
    }
  }

  /// What expressions see: the code it left with of its own accord.
  public var exitCode: Int32? {
    switch self {
    case .exited(let code): code
    case .outOfMemory(_, .exited(let code)): code
    case .invalidOutput: 0
    case .signalled, .outOfMemory, .timedOut, .cancelled, .notStarted, .lost, .performed: nil
    }
  }

  /// How its process ended, where that is known.
  public var status: WaitStatus? {
    switch self {
    case .exited(let code): .exited(code)
    case .signalled(let number): .signalled(number)
    case .outOfMemory(_, let status): status
    case .timedOut(let status), .cancelled(let status): status
    case .invalidOutput: .exited(0)
    case .notStarted, .lost, .performed: nil
    }
  }

  /// One sentence for people; `nil` for success.
  public var message: String? {
    switch self {
    case .exited(0): nil
    case .exited(let code): "exited with code \(code)"
    case .signalled(let number): "killed by signal \(number)"
    case .outOfMemory(let reason, _): reason
    case .timedOut: "timed out"
    case .cancelled: "cancelled"
    case .notStarted(let reason, _): reason
    case .invalidOutput(let reason): reason
    case .lost(let reason): reason
    case .performed(.completed, _): nil
    case .performed(let ending, let reason): reason ?? ending.rawValue
    }
  }
}

/// What became of one attempt, as it travels from the launcher to the journal.
public struct AttemptEnding: Sendable, Equatable {
  public var key: AttemptKey
  public var outcome: AttemptOutcome
  public var startedAt: Timestamp
  public var finishedAt: Timestamp
  public var duration: Duration
  public var usage: ResourceUsage
  public var omitted: OmittedOutput
  /// The outputs it wrote, empty unless it succeeded.
  public var outputs: [String: String]
  /// The last 64 KiB of its stdout, trimmed; kept only where an expression of the workflow refers to it.
  public var stdout: String?
  /// Nothing was done: it is what an equal attempt came to before.
  public var isCached = false
  /// The agent's machinery was at fault, and not the task.
  public var isAgentFault = false
  /// What a program that asks a model itself says that it took; `nil` where it does not say.
  public var account: CallAccount?

  public init(
    key: AttemptKey, outcome: AttemptOutcome, startedAt: Timestamp, finishedAt: Timestamp, duration: Duration,
    usage: ResourceUsage = .init(), omitted: OmittedOutput = .none, outputs: [String: String] = [:],
    stdout: String? = nil
  ) {
    self.key = key
    self.outcome = outcome
    self.startedAt = startedAt
    self.finishedAt = finishedAt
    self.duration = duration
    self.usage = usage
    self.omitted = omitted
    self.outputs = outputs
    self.stdout = stdout
  }
}
