public import AstroCore
import AstroYAML

/// Which tasks of an ended run a retry runs again.
public enum RetrySelection: Sendable, Equatable {
  /// All that did not succeed: failed, lost, timed out, cancelled, skipped, or never run.
  case unfinished
  /// One task and all that depends on it, however they ended.
  case from(String)
  /// One task; the others stay as they are.
  case only(String)

  /// The tasks, in the order of the plan.
  /// - Parameter states: how each task ended; one that is missing never ran.
  /// - Throws: `not_found` for a task the workflow does not have, `usage` when there is nothing to run, or when the task
  ///   could only be passed over again.
  public func tasks(
    of plan: WorkflowPlan, states: [String: TaskState], run: WorkflowID
  ) throws(Failure) -> [String] {
    switch self {
    case .unfinished:
      let tasks = plan.tasks.map(\.id).filter { states[$0] != .succeeded }
      guard tasks.isEmpty else { return tasks }
      throw Failure(
        .usage, subject: run.text,
        message: "every task has succeeded; name one to run again: --from TASK or --only TASK")
    case .from(let name):
      let first = try Self.index(of: name, in: plan, run)
      try Self.requireNeeds(of: first, plan, states, run)
      return Self.reach(of: first, in: plan).map { plan.tasks[$0].id }
    case .only(let name):
      try Self.requireNeeds(of: Self.index(of: name, in: plan, run), plan, states, run)
      return [name]
    }
  }

  /// The position of a task that somebody named.
  static func index(of name: String, in plan: WorkflowPlan, _ run: WorkflowID) throws(Failure) -> Int {
    if let index = plan.tasks.firstIndex(where: { $0.id == name }) { return index }
    throw unknown(name, among: plan.tasks.map(\.id), of: run)
  }

  /// The error for a task that is not there, with the nearest that is.
  public static func unknown(_ name: String, among tasks: [String], of run: WorkflowID) -> Failure {
    let hint = NearestWord.of(name, among: tasks).map { "; did you mean '\($0)'?" } ?? ""
    return Failure(.notFound, subject: run.text, message: "has no task '\(Terminal.printable(name))'\(hint)")
  }

  /// A task whose needs did not succeed and stay as they are would end as `upstream_failed` or `skipped` at once, unless
  /// its `if` asks how they ended.
  private static func requireNeeds(
    of index: Int, _ plan: WorkflowPlan, _ states: [String: TaskState], _ run: WorkflowID
  ) throws(Failure) {
    let task = plan.tasks[index]
    guard task.condition?.asksForStatus != true else { return }
    for need in task.needs.map({ plan.tasks[$0] }) {
      let state = states[need.id] ?? .pending
      if state == .succeeded || (need.continueOnError && (state == .failed || state == .timedOut || state == .lost)) {
        continue
      }
      throw Failure(
        .usage, subject: run.text,
        message: "task '\(task.id)' cannot run: its need '\(need.id)' is \(state.rawValue); use --from \(need.id)")
    }
  }

  /// A task and all that depends on it, in the order of the plan; in time linear in the plan.
  private static func reach(of first: Int, in plan: WorkflowPlan) -> [Int] {
    var dependents = [[Int]](repeating: [], count: plan.tasks.count)
    for (index, task) in plan.tasks.enumerated() { for need in task.needs { dependents[need].append(index) } }
    var reached = Set([first])
    var open = [first]
    while let index = open.popLast() {
      for dependent in dependents[index] where reached.insert(dependent).inserted { open.append(dependent) }
    }
    return reached.sorted()
  }
}
