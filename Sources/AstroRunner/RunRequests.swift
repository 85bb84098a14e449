public import AstroConfiguration
public import AstroCore
public import AstroJournal
import AstroWorkflow

/// What a command asks of one run. Each request is one transaction, durable before anybody hears of it; whoever owns the
/// run hears the bell, and whoever takes it over reads it. So it does not matter whether a runner is at work.
///
/// Events are told here and not by the runner: once for each request, also when no runner works. That a run is held or
/// released may be lost with a crash after the commit, and nothing else with it. A retry, which begins another life in the
/// run's events, is told by whoever takes the run up when this could not; should both do so at once it is there twice, with
/// one timestamp.
public struct RunRequests {
  private let journal: Journal
  private let home: Home

  public init(journal: Journal, home: Home) {
    self.journal = journal
    self.home = home
  }

  /// Starts nothing more of the run; what runs of it finishes.
  /// - Returns: false when it was held already.
  /// - Throws: `not_found` for a run that has ended, `usage` for one that is being cancelled.
  public func hold(_ id: WorkflowID) throws(Failure) -> Bool {
    let (run, changed) = try change(id) { transaction throws(Failure) in try transaction.requestHold(id) }
    if run.state.isTerminal { throw ended(run, "nothing of it is left to hold") }
    if run.isCancelRequested { throw Failure(.usage, subject: id.text, message: "is being cancelled") }
    if changed { tell { $0.add("workflow_held", id, at: journal.now.wall) } }
    return changed
  }

  /// Lets a held run go on.
  /// - Throws: `not_found` for a run that has ended, `usage` for one that is not held.
  public func release(_ id: WorkflowID) throws(Failure) {
    try release(id) { run, _ throws(Failure) in
      guard run.state == .held else {
        throw Failure(
          .usage, subject: id.text, message: "is not held, it is \(run.state.rawValue): there is nothing to release")
      }
    }
  }

  /// Raises a budget, and lets the run go on if it is held.
  /// - Parameters:
  ///   - budget: what is `nil` in it stays as it is.
  ///   - task: whose budget it is; `nil` is the whole run's.
  /// - Returns: whether it was held.
  /// - Throws: `not_found` for a run that has ended, and for a task that it does not have; `usage` where nothing is bounded,
  ///   or is bounded more widely already.
  public func release(_ id: WorkflowID, raising budget: BudgetPlan, of task: String? = nil) throws(Failure) -> Bool {
    let (run, content) = try journal.read { (try $0.run(id), try $0.content(id)) }
    let plan = run.flatMap { WorkflowParser.parse(content ?? [], file: $0.shownFile).plan }
    return try release(id) { _, transaction throws(Failure) in
      guard let plan else {
        throw Failure(
          .invalidWorkflow, subject: id.text,
          message: "this version cannot read its workflow, and does not know what its budget is")
      }
      try BudgetRaise(of: id, to: budget).make(for: task, of: plan, in: transaction)
    }
  }

  /// - Parameter prepare: is given the run, which has not ended.
  /// - Returns: whether it was held.
  @discardableResult
  private func release(
    _ id: WorkflowID, _ prepare: (RunRecord, Transaction) throws(Failure) -> Void
  ) throws(Failure) -> Bool {
    let (run, changed) = try change(id) { transaction throws(Failure) in
      guard let run = try transaction.reading.run(id), !run.state.isTerminal else { return false }
      try prepare(run, transaction)
      return try transaction.requestRelease(id)
    }
    if run.state.isTerminal { throw ended(run, "run it again with: astro retry \(id)") }
    if changed { tell { $0.add("workflow_released", id, at: journal.now.wall) } }
    return changed
  }

  /// What a retry will do.
  public struct Retried: Sendable, Equatable {
    /// The tasks that run again.
    public var tasks: [String]
    /// How many stay as they are.
    public var kept: Int
  }

  /// Lets an ended run go on under its identifier.
  ///
  /// Only the journal changes here. The runner that adopts the run moves its file back to `active/` and removes the
  /// receipt; until then, and after a crash at any point, the file lies in its final place beside a row that says
  /// `queued`, which is exactly what makes the next runner do it.
  /// - Throws: `try_later` for a run that has not ended, or was changed by somebody else at the same time; `usage` for one
  ///   that never ran; what ``RetrySelection`` throws.
  public func retry(_ id: WorkflowID, _ selection: RetrySelection) throws(Failure) -> Retried {
    let (found, content, states) = try journal.read { reading in
      (
        try reading.run(id), try reading.content(id),
        Dictionary(try reading.tasks(of: id).map { ($0.task, $0.state) }, uniquingKeysWith: { $1 })
      )
    }
    guard let run = found else { throw missing(id) }
    try requireRetriable(run)
    guard let plan = WorkflowParser.parse(content ?? [], file: run.shownFile).plan else {
      throw Failure(
        .invalidWorkflow, subject: id.text,
        message: "this version cannot read its workflow; submit a mended file instead")
    }
    let tasks = try selection.tasks(of: plan, states: states, run: id)
    let time = try journal.commit { transaction in
      // What was chosen above holds only for the run as it was read.
      var now = try transaction.reading.run(id)
      now?.isSettled = run.isSettled
      guard now == run else {
        throw Failure(.tryLater, subject: id.text, message: "was changed at the same moment; try again")
      }
      try transaction.reopen(id, tasks: tasks)
      return transaction.now.wall
    }
    tell { $0.retried(id, tasks: tasks.count, kept: plan.tasks.count - tasks.count, at: time) }
    return Retried(tasks: tasks, kept: plan.tasks.count - tasks.count)
  }

  private func requireRetriable(_ run: RunRecord) throws(Failure) {
    switch run.state {
    case .succeeded, .partial, .failed, .cancelled: return
    case .queued, .running, .held:
      throw Failure(
        .tryLater, subject: run.id.text,
        message:
          "is \(run.state.rawValue); only a run that has ended can be retried, end it with: astro cancel \(run.id)")
    case .rejected:
      throw Failure(
        .usage, subject: run.id.text,
        message: "was rejected and never ran; mend the file and submit it again (it lies in spool/rejected/)")
    case .duplicate:
      throw Failure(
        .usage, subject: run.id.text,
        message: "was a duplicate and never ran; retry the first run, or submit the file with another idempotency_key")
    }
  }

  /// The run before the change, and whether it changed.
  private func change(
    _ id: WorkflowID, _ body: (Transaction) throws(Failure) -> Bool
  ) throws(Failure) -> (RunRecord, Bool) {
    let (found, changed) = try journal.commit { (try $0.reading.run(id), try body($0)) }
    guard let run = found else { throw missing(id) }
    return (run, changed)
  }

  private func missing(_ id: WorkflowID) -> Failure { Failure(.notFound, subject: id.text, message: "no such run") }

  private func ended(_ run: RunRecord, _ hint: String) -> Failure {
    Failure(.notFound, subject: run.id.text, message: "has ended already (\(run.state.rawValue)); \(hint)")
  }

  private func tell(_ event: (EventStream) -> Void) {
    let stream = EventStream(runs: home.runs, data: home.data)
    event(stream)
    _ = stream.flush()
    Bell.ring(runners: home.runners)
  }
}
