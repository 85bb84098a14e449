public import AstroCore

/// What has happened, told to the ``Scheduler``.
public enum Event: Sendable {
  /// A run is ours from now on: fresh from the spool, or restored from the journal.
  case admitted(RunSeed)
  /// The start of this attempt is in the journal, with every limit it needs.
  case granted(AttemptKey)
  /// A limit refused the start; nothing was recorded or taken.
  case denied(AttemptKey, LimitVerdict)
  /// The start is not needed: an equal attempt of this agent came to this before.
  case cached(AttemptEnding, agent: String)
  /// Nothing equal is known, nor under way: the task is to be done. Its result will be kept as the ticket of the agent says
  /// that does it. Of tickets that are out of date nothing is known, and the task is looked up again.
  case missed(AttemptKey, [String: CacheTicket])
  /// An equal attempt is under way: the task is decided on anew when that is over.
  case follows(AttemptKey)
  /// An attempt is over that is equal to these, which waited for it, or for something else meanwhile.
  case preceded([AttemptKey])
  /// The start can never be granted, why in one sentence; nothing was recorded or taken.
  case refused(AttemptKey, String)
  /// A queued attempt has taken a slot that came free. Told together with the end that freed it.
  case began(AttemptKey)
  /// A queued attempt was taken back in time: it was never started.
  case withdrawn(AttemptKey)
  /// An attempt that is performed needs a limit that opens at `until`, in boot time; nothing of it runs any more. Whether
  /// others wait as long is ``LimitVerdict/bindsOthers``.
  case parked(AttemptKey, LimitPlace, until: Int64, bindsOthers: Bool = true)
  /// A budget does not have what an attempt needs next, why in one sentence; nothing of it runs any more.
  case overBudget(AttemptKey, String)
  /// An attempt of which it was not known has begun, under a launcher of former days; when, by boot time.
  case seenRunning(AttemptKey, since: Int64)
  /// An attempt that was thought to run never began: its runner died before it could start it.
  case neverBegan(AttemptKey)
  /// An attempt that runs asks leave for a call.
  case asked(CallAsk)
  /// What came of an ask that was admitted.
  case answered(CallAsk, LeaveAnswer)
  /// Something was given back at these limits.
  case opened([LimitPlace])
  /// An attempt is over. Its outcome is what the launcher saw; the scheduler knows whether a timeout or a cancel caused it.
  case ended(AttemptEnding)
  /// A user wants the run to stop.
  case cancel(WorkflowID)
  /// A user wants nothing more of the run to start; what runs of it goes on.
  case hold(WorkflowID)
  /// A held run may go on.
  case release(WorkflowID)
  /// A probe of an unhealthy agent came back; `nil` is healthy.
  case probed(agent: String, error: String?)
  /// Start nothing more; what runs may finish.
  case stopping
}

/// What is to be done. Those that speak to the launcher (``launch``, ``enqueue``, ``release``, ``withdraw``, ``kill``)
/// may be performed before the batch is committed: their attempts are in the journal already. ``end`` is the exception.
///
/// Boxed: a start is many strings, and a decision is looked at several times on its way.
public indirect enum Decision: Sendable {
  /// Find out whether what a task would come to is known, before anything is taken for it: under the agents, of which each
  /// could take it. Answer with `cached`, `missed` or `follows`. The start names no agent yet.
  case lookUp(AttemptStart, agents: [String])
  /// Record the start of this attempt, together with the grants it needs; answer with `granted` or `denied`.
  case begin(AttemptStart)
  /// Take what a call of an attempt that runs needs; answer with `answered`.
  case admit(CallAsk)
  /// Tell an attempt that a limit which its call needs opens at `until`, in boot time, later than it waits.
  case turnAway(CallAsk, LimitPlace, until: Int64)
  /// Start the process of an attempt granted before.
  case launch(AttemptStart)
  /// Hand an attempt granted before to the launcher, to be started at the next end of one of its attempts: a slot is
  /// then filled without waiting for this process.
  case enqueue(AttemptStart)
  /// Start a queued attempt now.
  case release(AttemptKey)
  /// Take a queued attempt back; answered by `withdrawn`, or not at all when it has begun.
  case withdraw(AttemptKey)
  /// Record that an attempt granted before goes to another agent than the one it was begun for.
  case reassign(AttemptStart)
  /// Record that an attempt runs.
  case started(AttemptStart)
  /// Record why an attempt is to end, and only then send TERM to its process group: should this runner die, the next one
  /// knows what the end it finds means.
  case end(AttemptKey, because: EndingCause)
  /// Send KILL to the attempt's process group.
  case kill(AttemptKey)
  /// Forget a start that was recorded and has no process: it will be decided on anew. What it took of limits is given back
  /// unless some of its work was done, or may have been.
  case forget(AttemptKey, hasBegun: Bool)
  /// Record the end of an attempt; of one that an equal attempt stands for, its begin too.
  case close(AttemptEnding, agent: String)
  /// Record a task's new state.
  case update(TaskChange)
  /// Record that the first task of a run began.
  case runStarted(WorkflowID)
  /// Record that nothing more of a run starts until it is released, and why.
  case runHeld(WorkflowID, reason: String)
  /// Record the end of a run; its file can be settled.
  case runEnded(WorkflowID, RunState, reason: String?)
  /// Ask the agent whether it works.
  case probe(agent: String)
  /// Record what is known of the agent now.
  case agentChanged(String)
}

/// Why an attempt that runs is being ended, or a whole run.
public enum EndingCause: String, Sendable {
  /// Of an attempt only.
  case timeout
  case cancel
  case deadline
  /// Of a run only: this version cannot read its file.
  case unreadable
  /// Of a run only: its file is not read again, because runners ended whenever they did.
  case poison
}

/// A task's state as it is to be recorded.
public struct TaskChange: Sendable, Equatable {
  public var workflow: WorkflowID
  public var task: String
  public var state: TaskState
  public var attempts: Int
  /// When a waiting task may go on.
  public var notBefore: Timestamp?
  /// Why it waits, failed or was not run; one sentence.
  public var reason: String?
  public var exitCode: Int32?
  public var outputs: [String: String]
  public var stdout: String?
  public var startedAt: Timestamp?
  public var finishedAt: Timestamp?
}

/// A run as it enters the scheduler.
public struct RunSeed: Sendable {
  public var id: WorkflowID
  public var name: String
  public var user: String
  public var priority: Int
  public var plan: WorkflowPlan
  public var params: [String: JSONValue]
  /// `$ASTRO_RUN_DIR`.
  public var directory: String
  /// When it was claimed, or last taken up again by a retry: its deadline counts from here.
  public var since: Timestamp
  /// What stops it at once: a cancel that was asked for, or that its file cannot be read any more.
  public var stopping: EndingCause?
  public var isHeld = false
  /// A task of it began before, under another runner.
  public var hasStarted = false
  /// What the journal knows of its tasks; empty for a fresh run.
  public var restored: [String: RestoredTask] = [:]

  public init(
    id: WorkflowID, name: String, user: String, priority: Int, plan: WorkflowPlan, params: [String: JSONValue],
    directory: String, since: Timestamp
  ) {
    self.id = id
    self.name = name
    self.user = user
    self.priority = priority
    self.plan = plan
    self.params = params
    self.directory = directory
    self.since = since
  }
}

/// A task read back from the journal.
public struct RestoredTask: Sendable {
  /// What its last attempt was doing when the former runner left.
  public enum Flight: Sendable, Equatable {
    case none
    /// Recorded as begun, never started: it is decided on anew.
    case committed
    /// Its agent performed it in the runner that is gone: it is begun anew, and goes on where it was.
    case interrupted
    /// Started, and still running or its end not yet taken. `since` is when by boot time, `nil` while it is not known
    /// whether it has begun; `ending` is why it was asked to end.
    case running(agent: String, since: Int64?, ending: EndingCause?)
  }
  public var state: TaskState
  /// The number of the last attempt.
  public var attempts: Int
  /// How many of them count against `retry.attempts`.
  public var counted: Int
  public var notBefore: Timestamp?
  public var exitCode: Int32?
  public var outputs: [String: String]
  public var stdout: String?
  public var startedAt: Timestamp?
  public var flight: Flight

  public init(
    state: TaskState, attempts: Int = 0, counted: Int = 0, notBefore: Timestamp? = nil, exitCode: Int32? = nil,
    outputs: [String: String] = [:], stdout: String? = nil, startedAt: Timestamp? = nil, flight: Flight = .none
  ) {
    self.state = state
    self.attempts = attempts
    self.counted = counted
    self.notBefore = notBefore
    self.exitCode = exitCode
    self.outputs = outputs
    self.stdout = stdout
    self.startedAt = startedAt
    self.flight = flight
  }
}
