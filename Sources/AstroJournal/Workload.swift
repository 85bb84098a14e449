public import AstroCore
import GRDB

/// What is under way in the whole home, whichever runner works on it.
public struct Workload: Sendable, Equatable {
  /// Runs that have not ended.
  public var activeRuns = 0
  /// Tasks whose process runs.
  public var runningTasks = 0
  /// Tasks of active runs that neither run nor have ended.
  public var queuedTasks = 0
  /// ``runningTasks`` by agent.
  public var runningByAgent: [String: Int] = [:]

  public init() {}
}

extension Reading {
  public func workload() throws(Failure) -> Workload {
    var load = Workload()
    let active = try session.rows(
      "SELECT count(*), coalesce(sum(tasks), 0) FROM run WHERE state IN ('queued', 'running', 'held')"
    ) { ($0[0] as Int? ?? 0, $0[1] as Int? ?? 0) }.first
    load.activeRuns = active?.0 ?? 0
    load.queuedTasks = active?.1 ?? 0
    let states = try session.rows(
      """
      SELECT task.state, count(*) FROM run JOIN task ON task.run = run.id \
      WHERE run.state IN ('queued', 'running', 'held') GROUP BY task.state
      """
    ) { ($0.text(0), $0[1] as Int? ?? 0) }
    for (word, count) in states {
      guard let state = TaskState(rawValue: word) else { throw session.malformed("unknown task state '\(word)'") }
      if state == .running { load.runningTasks = count }
      if state == .running || state.isTerminal { load.queuedTasks -= count }
    }
    // An attempt is begun ahead of its slot: it runs once its task says so.
    let agents = try session.rows(
      """
      SELECT attempt.agent, count(*) FROM attempt JOIN task ON task.run = attempt.run AND task.task = attempt.task \
      WHERE attempt.outcome IS NULL AND task.state = 'running' GROUP BY attempt.agent
      """
    ) { ($0.text(0), $0[1] as Int? ?? 0) }
    load.runningByAgent = Dictionary(agents) { first, _ in first }
    return load
  }
}
