import AstroAgents
import AstroCore
import AstroJournal
import AstroProcess
import AstroScheduling
import AstroSpool
import AstroWorkflow

/// Makes the rows of one run from what is left of it.
///
/// What nobody tells the end of stays without one, in the name of the runner that launched it: the next runner adopts the
/// run and finds the end in the exit log, waits for it, or calls the attempt lost, as after every crash. A task is over only
/// where a witness says so.
struct Restoration {
  private let found: FoundRun
  private let runs: String
  private let examiner: Examiner
  private let now: Timestamp
  private(set) var notes: [String] = []

  init(_ found: FoundRun, runs: String, examiner: Examiner, now: Timestamp) {
    self.found = found
    self.runs = runs
    self.examiner = examiner
    self.now = now
  }

  mutating func restored() -> RestoredRun {
    var run = base()
    let content = self.content(of: &run)
    run.isSettled = false
    run.owner = nil
    let plan = run.state == .rejected ? nil : WorkflowParser.parse(content, file: run.shownFile).plan
    if run.taskCount == 0 { run.taskCount = plan?.tasks.count ?? 0 }
    if let end = end(run) {
      run.state = end.state
      run.finishedAt = end.at
      run.reason = run.reason ?? end.reason
      run.isHoldRequested = false
      run.isSettled = found.place == end.state.place && found.receipt != nil || found.place == nil
    } else {
      reopen(&run)
    }
    guard run.state != .rejected else { return RestoredRun(run: run, content: content) }
    var attempts = self.attempts()
    if run.state.isTerminal { close(&attempts, at: run.finishedAt ?? now) }
    let tasks = self.tasks(of: run, attempts, plan)
    if !run.state.isTerminal {
      let hasBegun = !attempts.isEmpty
      run.startedAt =
        hasBegun ? run.startedAt ?? found.events.startedAt ?? attempts.values.map(\.started.wall).min() : nil
      run.state = run.isHoldRequested ? .held : hasBegun ? .running : .queued
    }
    return RestoredRun(
      run: run, content: content, tasks: tasks,
      attempts: attempts.values.sorted { ($0.key.task, $0.key.number) < ($1.key.task, $1.key.number) })
  }

  // MARK: The run

  /// The witness that knows most, and what the others know later.
  private mutating func base() -> RunRecord {
    var run = found.rows.run ?? found.record?.run ?? found.receipt?.record ?? ofItsFile()
    run.fileExtension = found.format.rawValue
    if let written = found.record?.run, written.retriedAt ?? .distantPast > run.retriedAt ?? .distantPast {
      run.retriedAt = written.retriedAt
    }
    if run.errors.isEmpty { run.errors = found.receipt?.errors ?? found.record?.run.errors ?? [] }
    run.rateLimit = run.rateLimit ?? found.receipt?.rateLimit
    return run
  }

  private mutating func ofItsFile() -> RunRecord {
    notes.append("nothing but its file is left: its parameters are the defaults")
    let bytes = found.contents.last?.bytes ?? []
    var owners = Owners()
    let name = found.format.fileName(of: found.id)
    let claimed = found.modifiedAt ?? now
    let admission = examiner.examine(
      bytes,
      from: Examiner.Origin(
        file: name.bytes, shown: name.printable, format: found.format, owner: found.owner ?? examiner.ownUser,
        ownerName: owners.name(of: found.owner ?? examiner.ownUser), submittedAt: claimed,
        sha256: Candidate.sha256(of: bytes)))
    var run = RunRecord(
      id: found.id, name: found.id.name, user: admission.user, priority: admission.plan?.priority ?? 0,
      file: name.bytes, fileExtension: found.format.rawValue, sha256: admission.sha256, submittedAt: claimed,
      claimedAt: claimed)
    run.params = admission.params
    return run
  }

  /// The submitted bytes: those that have the checksum that was recorded. A run that is to go on without any such is held.
  private mutating func content(of run: inout RunRecord) -> [UInt8] {
    if run.sha256.isEmpty { return [] }
    if let right = found.contents.first(where: { Candidate.sha256(of: $0.bytes) == run.sha256 }) { return right.bytes }
    guard let other = found.contents.last else {
      notes.append("its file is nowhere")
      run.sha256 = ""
      return []
    }
    notes.append(
      "its file in \(other.source) has not the checksum that was recorded: look at it, then astro release \(found.id)")
    run.sha256 = Candidate.sha256(of: other.bytes)
    if end(run) == nil { run.isHoldRequested = true }
    return other.bytes
  }

  /// How it ended, unless it was taken up again after that. Records keep milliseconds, the journal microseconds.
  private func end(_ run: RunRecord) -> (state: RunState, reason: String?, at: Timestamp)? {
    var ends: [(state: RunState, reason: String?, at: Timestamp)] = []
    for record in [found.rows.run, found.record?.run, found.receipt?.record] {
      if let record, record.state.isTerminal {
        ends.append((record.state, record.reason, record.finishedAt ?? record.claimedAt))
      }
    }
    if let told = found.events.ended { ends.append(told) }
    // Only where nothing else is left of it: what a final place says by itself.
    if ends.isEmpty, found.record == nil, found.rows.run == nil, found.events.isEmpty, let place = found.place,
      let state = place.endedState
    {
      ends.append((state, nil, found.modifiedAt ?? now))
    }
    guard let last = ends.max(by: { $0.at < $1.at }) else { return nil }
    let retried = [found.rows.run?.retriedAt, found.record?.run.retriedAt, found.events.retriedAt].compactMap { $0 }
      .max()
    if let retried, retried > last.at + .milliseconds(1) { return nil }
    return last
  }

  private mutating func reopen(_ run: inout RunRecord) {
    // Its directory was made before its row: a row alone may be one whose name has been damaged.
    if !found.isOnDisk {
      run.isHoldRequested = true
      notes.append("nothing of it is on disk: look at it, then astro release \(found.id), or cancel it")
    }
    run.finishedAt = nil
    if run.state.isTerminal || run.state == .held { run.state = .running }
    if let retried = found.events.retriedAt, retried > (run.retriedAt ?? .distantPast) + .milliseconds(1) {
      run.retriedAt = retried
      run.startedAt = nil
      notes.append("a retry was asked for and which tasks it chose is not known: those that did not succeed run again")
    }
    if let isHeld = found.events.isHeld { run.isHoldRequested = run.isHoldRequested || isHeld }
    run.reason = nil
  }

  // MARK: Attempts

  private func attempts() -> [AttemptKey: AttemptRecord] {
    var known: [AttemptKey: AttemptRecord] = [:]
    for attempt in found.record?.attempts ?? [] { known[attempt.key] = attempt }
    for var attempt in found.rows.attempts ?? [] {
      attempt.ending = attempt.ending ?? known[attempt.key]?.ending
      known[attempt.key] = attempt
    }
    for (name, task) in found.events.tasks {
      for (number, told) in task.attempts {
        let key = AttemptKey(workflow: found.id, task: name, number: number)
        var attempt =
          known[key]
          ?? AttemptRecord(
            key: key, agent: told.agent, launcher: AttemptRecord.unknownLauncher,
            started: Moment(wall: told.startedAt, boot: 0), bootID: "")
        if attempt.ending == nil, let end = told.ending { attempt.ending = ending(end, found.commands[key]?.end) }
        known[key] = attempt
      }
    }
    for (key, command) in found.commands {
      var attempt =
        known[key]
        ?? AttemptRecord(
          key: key, agent: agent, launcher: command.runner, started: Moment(wall: command.startedAt, boot: 0),
          bootID: "")
      if attempt.ending == nil { attempt.launcher = command.runner }
      known[key] = attempt
    }
    return known
  }

  /// Of a command that only its warden tells of, which does not know whose it was: the one agent of commands that there is.
  private var agent: String {
    let agents = examiner.agents.filter { $0.kind == "command" }
    return agents.count == 1 ? agents[0].id : "unknown"
  }

  /// What was told of an end, with what the warden saw of it.
  private func ending(_ told: ToldEvents.Ending, _ seen: ExitRecord?) -> AttemptRecord.Ending {
    AttemptRecord.Ending(
      outcome: AttemptOutcome(told.state, told.exitCode.map { .exited($0) } ?? seen?.status, nil, message: nil),
      finishedAt: seen?.finishedAt ?? told.finishedAt, duration: told.duration, usage: seen?.usage ?? .init())
  }

  /// Of a run that has ended no attempt goes on.
  private func close(_ attempts: inout [AttemptKey: AttemptRecord], at time: Timestamp) {
    for (key, attempt) in attempts where attempt.ending == nil {
      attempts[key]?.ending = AttemptRecord.Ending(
        outcome: .lost("how it ended is not on record"), finishedAt: time,
        duration: max(.zero, time - attempt.started.wall), usage: .init())
    }
  }

  // MARK: Tasks

  private func tasks(
    of run: RunRecord, _ attempts: [AttemptKey: AttemptRecord], _ plan: WorkflowPlan?
  ) -> [TaskRecord] {
    let rows = Dictionary((found.rows.tasks ?? []).map { ($0.task, $0) }, uniquingKeysWith: { $1 })
    let written = Dictionary((found.record?.tasks ?? []).map { ($0.task, $0) }, uniquingKeysWith: { $1 })
    let plans = Dictionary((plan?.tasks ?? []).map { ($0.id, $0) }, uniquingKeysWith: { $1 })
    let byTask = Dictionary(grouping: attempts.values, by: \.key.task)
    let names = Set(rows.keys).union(written.keys).union(found.events.tasks.keys).union(byTask.keys)
    return names.sorted().compactMap { name in
      let last = byTask[name]?.max { $0.key.number < $1.key.number }
      return task(name, of: run, rows[name], written[name], last, plans[name])
    }
  }

  private func task(
    _ name: String, of run: RunRecord, _ row: TaskRecord?, _ written: TaskRecord?, _ last: AttemptRecord?,
    _ plan: TaskPlan?
  ) -> TaskRecord? {
    let told = found.events.tasks[name]
    let number = max(last?.key.number ?? 0, row?.attempts ?? 0)
    var task = row ?? TaskRecord(run: found.id, task: name, state: .pending)
    task.attempts = number
    // What a retry chose to do again is not over, though a witness from before it says so.
    let isStale: (RunRecord?) -> Bool = { witness in
      run.retriedAt.map { (witness?.retriedAt ?? .distantPast) + .milliseconds(1) < $0 } ?? false
    }
    if let row, row.state.isTerminal, row.attempts >= number, row.state == .succeeded || !isStale(found.rows.run) {
      return row
    }
    if let written, written.state.isTerminal, written.attempts >= number,
      written.state == .succeeded || !isStale(found.record?.run)
    {
      return merged(written, base: task.base, last, plan)
    }
    if let last, last.ending == nil {
      if row == nil || row?.attempts != number { (task.state, task.startedAt) = (.running, last.started.wall) }
      (task.finishedAt, task.notBefore) = (nil, nil)
      return task
    }
    if let last, let ending = last.ending,
      !(run.retriedAt.map { ending.finishedAt < $0 } ?? false) || ending.outcome.isSuccess
    {
      return ended(task, last, ending, told, plan)
    }
    if let over = told?.over { return overs(task, over) }
    if last != nil, run.retriedAt != nil { (task.state, task.base) = (.pending, number) }
    return row == nil && last == nil ? nil : task
  }

  private func overs(_ task: TaskRecord, _ over: (state: TaskState, reason: String?, at: Timestamp)) -> TaskRecord {
    var task = task
    (task.state, task.reason, task.finishedAt, task.notBefore) = (over.state, over.reason, over.at, nil)
    return task
  }

  private func ended(
    _ task: TaskRecord, _ last: AttemptRecord, _ ending: AttemptRecord.Ending, _ told: ToldEvents.Task?,
    _ plan: TaskPlan?
  ) -> TaskRecord {
    if !ending.outcome.isSuccess {
      if let waits = told?.waits, waits.after == last.key.number { return waiting(task, waits.until, waits.reason) }
      if task.state == .waiting, task.attempts == last.key.number { return task }
      if let over = told?.over { return overs(task, over) }
    }
    var task = task
    task.state = ending.outcome.taskState
    task.reason = ending.outcome.message
    task.exitCode = ending.outcome.exitCode
    task.notBefore = nil
    task.startedAt = task.startedAt ?? last.started.wall
    task.finishedAt = ending.finishedAt
    return merged(task, base: task.base, last, plan)
  }

  private func waiting(_ task: TaskRecord, _ until: Timestamp?, _ reason: String?) -> TaskRecord {
    var task = task
    (task.state, task.notBefore, task.reason, task.finishedAt) = (.waiting, until ?? now, reason, nil)
    return task
  }

  /// With what later tasks may read of it, from the files it left.
  private func merged(_ task: TaskRecord, base: Int, _ last: AttemptRecord?, _ plan: TaskPlan?) -> TaskRecord {
    var task = task
    task.base = base
    guard task.state == .succeeded, let last, last.outcome?.isSuccess == true else { return task }
    let files = AttemptFiles(last.key, runs: runs)
    if task.outputs.isEmpty { task.outputs = (try? files.outputs(promised: []).get()) ?? [:] }
    if plan?.keepsStdout == true, task.stdout == nil { task.stdout = try? files.stdoutText() }
    return task
  }
}

extension Timestamp {
  fileprivate static let distantPast = Timestamp(microseconds: 0)
}

extension Place {
  /// How a run ended whose file lies here, as far as that alone tells.
  fileprivate var endedState: RunState? {
    switch self {
    case .active: nil
    case .done: .succeeded
    case .failed: .failed
    case .cancelled: .cancelled
    case .rejected: .rejected
    }
  }
}
