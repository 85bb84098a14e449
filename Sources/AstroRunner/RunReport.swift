public import AstroCore
public import AstroJournal
import AstroProcess
import AstroWorkflow
import Glibc

/// A run with its tasks and attempts, as `run.json` and `astro status RUN --json` show it.
public struct RunReport {
  public var run: RunRecord
  public var tasks: [TaskRecord]
  public var attempts: [AttemptRecord]
  /// Calls to models, in their order.
  /// Empty when there are more than ``listedCalls``: what they took together is told all the same.
  public var calls: [CallRecord]
  let totals: [AttemptKey: CallTotals]
  /// As the workflow says; known of a run with every task only.
  public private(set) var description: String?
  public private(set) var labels: [String: String] = [:]
  let directory: RunDirectory

  /// The most calls that are told one by one. The answers to a batch are in its results.
  static let listedCalls = 1000

  /// - Parameter runs: `data/runs`.
  public init?(_ id: WorkflowID, in journal: Reading, runs: String) throws(Failure) {
    guard let run = try journal.run(id) else { return nil }
    self.run = run
    tasks = try journal.tasks(of: id)
    attempts = try journal.attempts(of: id)
    totals = try journal.callTotals(of: id)
    let count = totals.values.reduce(0) { $0 + $1.calls }
    calls = count <= Self.listedCalls ? try journal.calls(of: id) : []
    directory = RunDirectory(id, in: runs)
  }

  /// The same with every task of the workflow in the order of the file, also those that have not left `pending`.
  public init?(wholeOf id: WorkflowID, in journal: Reading, runs: String) throws(Failure) {
    try self.init(id, in: journal, runs: runs)
    let content = try journal.content(id) ?? []
    guard let plan = WorkflowParser.parse(content, file: run.shownFile).plan else { return }
    description = plan.description
    labels = plan.labels
    var known = Dictionary(tasks.map { ($0.task, $0) }, uniquingKeysWith: { first, _ in first })
    tasks =
      plan.tasks.map { known.removeValue(forKey: $0.id) ?? TaskRecord(run: id, task: $0.id, state: .pending) }
      + known.values.sorted { $0.task < $1.task }
  }

  /// The agent of each task's last attempt.
  public var agents: [String: String] {
    Dictionary(attempts.map { ($0.key.task, $0.agent) }, uniquingKeysWith: { _, last in last })
  }

  /// The tasks of which nothing was done in their last attempt: an equal one had been done before.
  public var cachedTasks: Set<String> {
    let last = Dictionary(attempts.map { ($0.key.task, $0) }, uniquingKeysWith: { _, last in last })
    return Set(tasks.filter { $0.state.isTerminal && last[$0.task]?.ending?.isCached == true }.map(\.task))
  }

  /// What all its calls to models took.
  public var spending: CallTotals { totals.values.reduce(CallTotals(), +) }

  /// One line of JSON.
  public var json: [UInt8] {
    var writer = JSONWriter(reserving: 1024 + attempts.count * 256)
    write(to: &writer)
    writer.newline()
    return writer.bytes
  }

  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writeHead(to: &writer)
    writer.key("tasks")
    writer.beginArray()
    let byTask = Dictionary(grouping: attempts, by: \.key.task)
    let printed = directory.tasksWithOutput
    let byAttempt = Dictionary(grouping: calls, by: \.key)
    let cached = cachedTasks
    for task in tasks {
      write(
        task, byTask[task.task] ?? [], byAttempt, isCached: cached.contains(task.task),
        printed: printed.contains(task.task), to: &writer)
    }
    writer.endArray()
    writer.endObject()
  }

  private func writeHead(to writer: inout JSONWriter) {
    writer.member("workflow_id", run.id.text)
    writer.member("name", run.name)
    writer.member("user_id", run.user)
    writer.member("state", run.state.rawValue)
    writer.member("reason", ifPresent: run.reason)
    if !totals.isEmpty { spending.write(to: &writer) }
    writer.member("priority", run.priority)
    writer.member("description", ifPresent: description)
    if !labels.isEmpty { writer.member("labels", .map(labels.mapValues { .string($0) })) }
    writer.member("file", run.shownFile)
    writer.member("sha256", run.sha256)
    writer.member("params", .map(run.params.filter { $0.key != RunOption.noCache }))
    writer.member("submitted_at", run.submittedAt.rfc3339)
    writer.member("claimed_at", run.claimedAt.rfc3339)
    writer.member("retried_at", ifPresent: run.retriedAt?.rfc3339)
    writer.member("started_at", ifPresent: run.startedAt?.rfc3339)
    writer.member("finished_at", ifPresent: run.finishedAt?.rfc3339)
    if let duration = run.duration { writer.member("duration_ms", duration.milliseconds) }
    writer.key("errors")
    writer.beginArray()
    for error in run.errors { error.write(to: &writer) }
    writer.endArray()
  }

  private func write(
    _ task: TaskRecord, _ attempts: [AttemptRecord], _ calls: [AttemptKey: [CallRecord]], isCached: Bool,
    printed: Bool, to writer: inout JSONWriter
  ) {
    writer.beginObject()
    writer.member("task_id", task.task)
    writer.member("state", task.state.rawValue)
    if isCached { writer.member("cached", true) }
    writer.member("reason", ifPresent: task.reason)
    writer.member("agent_id", ifPresent: attempts.last?.agent)
    writer.member("exit_code", ifPresent: task.exitCode)
    writer.member("not_before", ifPresent: task.notBefore?.rfc3339)
    writer.member("started_at", ifPresent: task.startedAt?.rfc3339)
    writer.member("finished_at", ifPresent: task.finishedAt?.rfc3339)
    if let started = task.startedAt, let finished = task.finishedAt {
      writer.member("duration_ms", (finished - started).milliseconds)
    }
    writer.member("outputs", .map(task.outputs.mapValues { .string($0) }))
    writer.key("attempts")
    writer.beginArray()
    for attempt in attempts { write(attempt, calls[attempt.key] ?? [], printed: printed, to: &writer) }
    writer.endArray()
    writer.endObject()
  }

  private func write(
    _ attempt: AttemptRecord, _ calls: [CallRecord], printed: Bool, to writer: inout JSONWriter
  ) {
    writer.beginObject()
    writer.member("attempt", attempt.key.number)
    writer.member("agent_id", attempt.agent)
    writer.member("started_at", attempt.started.wall.rfc3339)
    if let ending = attempt.ending {
      writer.member("state", ending.outcome.taskState.rawValue)
      switch ending.outcome.status {
      case .exited(let code): writer.member("exit_code", code)
      case .signalled(let number): writer.member("signal", number)
      case nil: break
      }
      if ending.isCached { writer.member("cached", true) }
      writer.member("ending", ifPresent: ending.outcome.ending?.rawValue)
      writer.member("message", ifPresent: ending.outcome.message)
      writer.member("finished_at", ending.finishedAt.rfc3339)
      writer.member("duration_ms", ending.duration.milliseconds)
      writer.member("cpu_user_ms", Double(ending.usage.userMicroseconds) / 1000)
      writer.member("cpu_system_ms", Double(ending.usage.systemMicroseconds) / 1000)
      writer.member("max_rss_kib", ending.usage.peakKiB)
      if ending.omitted.stdout > 0 { writer.member("stdout_omitted_bytes", ending.omitted.stdout) }
      if ending.omitted.stderr > 0 { writer.member("stderr_omitted_bytes", ending.omitted.stderr) }
    } else {
      writer.member("state", TaskState.running.rawValue)
    }
    totals[attempt.key]?.write(to: &writer)
    if !calls.isEmpty {
      writer.key("calls")
      writer.beginArray()
      for call in calls { call.write(to: &writer) }
      writer.endArray()
    }
    let folder = "tasks/\(attempt.key.task)/\(attempt.key.number)"
    for stream in ["stdout", "stderr"] where printed && access("\(directory.path)/\(folder)/\(stream)", F_OK) == 0 {
      writer.member(stream, "\(folder)/\(stream)")
    }
    if printed, access("\(directory.path)/\(folder)/transcript.jsonl", F_OK) == 0 {
      writer.member("transcript", "\(folder)/transcript.jsonl")
    }
    writer.endObject()
  }
}

extension RunDirectory {
  /// The tasks some attempt of which printed something, from one listing: most print nothing, and asking for each file
  /// of a run with thousands of tasks would take longer than all the rest of its report.
  fileprivate var tasksWithOutput: Set<String> { Set(Listing.readable(in: path + "/tasks")) }
}
