import AstroCore

/// What one task is doing. Each case holds what is known in it and nothing else.
enum TaskPhase {
  /// Its needs are not all over.
  case pending
  /// It may be spared: to be looked up before it stands in line for anything.
  case unasked
  /// It is being looked up.
  case asking
  /// An equal attempt is under way, whose result will do for it too.
  case following
  /// In the ready queue.
  case ready
  /// Until `until`, in boot time: a retry's pause, or a limit that binds it alone opens then, if not sooner.
  indirect case waiting(until: Int64, for: LimitPlace?)
  /// Its start is being committed.
  indirect case beginning(AttemptStart, agent: Int)
  /// Its start is committed and waits for a slot.
  indirect case committed(AttemptStart, agent: Int)
  /// Handed to the launcher, which starts it when a slot comes free.
  indirect case queued(AttemptStart, agent: Int, isWithdrawn: Bool)
  case running(agent: Int, ending: EndingCause?)
  case over(TaskState)
}

struct TaskRuntime {
  var phase = TaskPhase.pending
  var missingNeeds: Int32 = 0
  /// The number of the last attempt.
  var attempts: Int32 = 0
  /// How many of them count against `retry.attempts`.
  var counted: Int32 = 0
  /// How often an attempt of it was launched here: an attempt that was parked is launched again.
  var launches: Int32 = 0
}

/// What expressions may ask of a finished task.
struct TaskResult {
  var exitCode: Int32?
  var outputs: [String: String]
  var stdout: String?
}

/// A run the scheduler works on. A class, so that touching one of 100,000 tasks never copies the others; the scheduler is
/// its only owner.
final class ActiveRun {
  let id: WorkflowID
  let name: String
  let user: String
  let priority: Int
  let order: Int64
  let plan: WorkflowPlan
  let params: [String: JSONValue]
  let directory: String

  var tasks: [TaskRuntime]
  var results: [Int: TaskResult] = [:]
  /// Of tasks that were looked up in vain: under what each agent's result will be kept.
  var tickets: [Int: [String: CacheTicket]] = [:]
  /// Tasks not over.
  var remaining: Int
  var stopping: EndingCause?
  /// Its deadline has passed while it was being cancelled: nothing more of it begins.
  var isOverdue = false
  /// Nothing more of it begins; its ready tasks are kept out of the queue.
  var isHeld: Bool
  var hasStarted: Bool
  /// When each task first started; kept only while it may still be recorded.
  var firstStart: [Int: Timestamp] = [:]

  /// Positions by task id.
  let indices: [String: Int]
  private let dependentOffsets: [Int32]
  private let dependentTargets: [Int32]

  init(_ seed: RunSeed, order: Int64) {
    id = seed.id
    name = seed.name
    user = seed.user
    priority = seed.priority
    self.order = order
    plan = seed.plan
    params = seed.params
    directory = seed.directory
    isHeld = seed.isHeld
    hasStarted = seed.hasStarted
    let tasks = seed.plan.tasks
    self.tasks = tasks.map { TaskRuntime(missingNeeds: Int32($0.needs.count)) }
    remaining = tasks.count
    indices = Dictionary(uniqueKeysWithValues: tasks.enumerated().map { ($0.element.id, $0.offset) })
    (dependentOffsets, dependentTargets) = Self.invert(tasks)
  }

  /// The tasks that need `index`.
  func dependents(of index: Int) -> ArraySlice<Int32> {
    dependentTargets[Int(dependentOffsets[index])..<Int(dependentOffsets[index + 1])]
  }

  /// Turns "needs" round: one flat array of targets and where each task's part begins in it.
  private static func invert(_ tasks: [TaskPlan]) -> ([Int32], [Int32]) {
    var offsets = [Int32](repeating: 0, count: tasks.count + 1)
    for task in tasks { for need in task.needs { offsets[need + 1] += 1 } }
    for index in tasks.indices { offsets[index + 1] += offsets[index] }
    var next = offsets
    var targets = [Int32](repeating: 0, count: Int(offsets[tasks.count]))
    for (index, task) in tasks.enumerated() {
      for need in task.needs {
        targets[Int(next[need])] = Int32(index)
        next[need] += 1
      }
    }
    return (offsets, targets)
  }

  func key(_ index: Int, attempt: Int32) -> AttemptKey {
    AttemptKey(workflow: id, task: plan.tasks[index].id, number: Int(attempt))
  }

  /// Whether a task may begin in spite of what stops the run: after a cancel those with `always()` or `cancelled()` in
  /// their `if`, else none.
  func mayStart(_ index: Int) -> Bool {
    switch stopping {
    case nil, .timeout: true
    case .cancel: !isOverdue && plan.tasks[index].condition?.survivesCancel == true
    case .deadline, .unreadable, .poison: false
    }
  }

  /// Why a task that may not start was not started.
  var stopReason: String {
    switch stopping {
    case .deadline: "the deadline passed"
    case .unreadable: Self.unreadable
    case .poison: Self.poison
    case nil, .timeout, .cancel: "cancelled"
    }
  }

  private static let unreadable = "this version of astro cannot read its file, which an earlier one accepted"
  private static let poison = "its file is poison: runners ended again and again while they read it"

  /// The state a task shows to expressions and records.
  func state(of index: Int) -> TaskState {
    switch tasks[index].phase {
    case .pending, .unasked, .asking, .ready: .pending
    case .following, .waiting, .beginning, .committed, .queued: .waiting
    case .running: .running
    case .over(let state): state
    }
  }

  /// How the needs of a task ended, as far as the task is concerned.
  func verdictOnNeeds(of index: Int) -> (success: Bool, failed: Int?, skipped: Bool) {
    var failed: Int?
    var skipped = false
    for need in plan.tasks[index].needs {
      switch state(of: need) {
      case .failed, .timedOut, .lost: if !plan.tasks[need].continueOnError, failed == nil { failed = need }
      case .upstreamFailed, .cancelled: if failed == nil { failed = need }
      case .skipped: skipped = true
      case .pending, .waiting, .running, .succeeded: break
      }
    }
    return (failed == nil && !skipped, failed, skipped)
  }

  /// What the run comes to when every task is over.
  var finalState: (state: RunState, reason: String?) {
    var failed: Int?
    var tolerated = false
    var cancelled = false
    for (index, task) in tasks.enumerated() {
      guard case .over(let state) = task.phase else { continue }
      switch state {
      case .failed, .timedOut, .lost:
        if plan.tasks[index].continueOnError { tolerated = true } else if failed == nil { failed = index }
      case .cancelled: cancelled = true
      case .pending, .waiting, .running, .succeeded, .skipped, .upstreamFailed: break
      }
    }
    switch stopping {
    case .deadline: return (.failed, "deadline of \(Notation.spell(plan.deadline ?? .zero)) passed")
    case .unreadable: return (.failed, Self.unreadable)
    case .poison: return (.failed, Self.poison)
    case .cancel where cancelled: return (.cancelled, "cancelled")
    case nil, .cancel, .timeout: break
    }
    if let failed { return (.failed, "task '\(plan.tasks[failed].id)' \(state(of: failed).rawValue)") }
    // Nobody asked for that, and what was not done is no success.
    if cancelled, stopping == nil { return (.failed, "a task was cancelled") }
    return (tolerated ? .partial : .succeeded, nil)
  }
}
