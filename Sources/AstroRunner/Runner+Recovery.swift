import AstroAgents
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroProcess
import AstroScheduling
import AstroSpool
import AstroTelemetry
import AstroWorkflow
import Glibc
import Logging

extension Runner {
  static let rescanInterval = Duration.seconds(10)

  /// Everything that may have changed without an event: lists the spool, looks for what dead runners left.
  func rescan() throws(Failure) {
    nextRescan = clock.now().boot + Self.rescanInterval.microseconds
    try lock.requireNamed()
    try readRequests()  // a ring may have been lost
    try lookAtKeys()
    guard takesFiles else { return }
    let entries = try lookAround()
    try recover()
    try sweep()
    intake.notice(listing: entries, identity: spool.identity)
  }

  /// Removes what writers that died left under their dot names, which nobody else ever would: at the start, after each
  /// runner found dead, and every hour.
  private func sweep() throws(Failure) {
    let now = clock.now().boot
    guard now >= nextSweep else { return }
    nextSweep = now + Duration.seconds(3600).microseconds
    var removed = try RunnerLock.removeUnborn(dataDirectory: home.data)
    for report in [home.metrics, home.health] { removed += AtomicFile.removeRemains(of: report) }
    try usingSpool { () throws(Failure) in removed += try spool.sweepTemporaries() }
    if removed > 0 { log.info("Remains removed", metadata: ["files": .stringConvertible(removed)]) }
  }

  /// Takes over what others left: dead runners' runs, runs without an owner, files without a row, ends not settled.
  func recover() throws(Failure) {
    guard options.mode != .single else { return }
    var estate = Estate()
    suspects = try journal.read { try Suspects($0) }
    for runner in try RunnerLock.traces(dataDirectory: home.data) where !isKnown(runner) {
      guard let lock = try RunnerLock.takeIfFree(dataDirectory: home.data, id: runner) else { continue }
      nextSweep = 0
      try inspect(lock)
      try requireKnown(runner)
      // Asked under its lock: it can make no more rows.
      if try journal.read({ try $0.refers(to: runner) }) { estate.locks[runner] = lock } else { try remove(lock) }
    }
    try adoptRuns(&estate)
    try findOrphanedFiles()
    try settleLeftovers(&estate)
    try wind(up: estate)
  }

  /// Adopts runs without an owner for which there has come room.
  func adoptUnowned() throws(Failure) {
    var estate = Estate()
    let runs = try journal.read { try $0.unowned(limit: room) }
    hasUnadopted = runs.count == room
    for run in runs { if let current = try adopt(run) { try resume(current, &estate) } }
    try wind(up: estate)
  }

  /// Adopts runs nobody works on, most urgent first, while there is room. One whose commands may run has its place already.
  private func adoptRuns(_ estate: inout Estate) throws(Failure) {
    hasUnadopted = false
    let (runs, attempts) = try journal.read { (try $0.active(), try $0.runningAttempts()) }
    let underway = Set(attempts.map(\.key.workflow))
    for run in runs.sorted(by: { $0.priority > $1.priority }) where owned[run.id] == nil {
      guard try estate.isDead(run.owner, dataDirectory: home.data) else { continue }
      if room > 0 || underway.contains(run.id) {
        if let current = try adopt(run) { try resume(current, &estate) }
      } else {
        // Without an owner it is whoever's who has room first, and the dead one's lock can go.
        if run.owner != nil { _ = try journal.commit { try $0.setOwner(run.id, from: run.owner, to: nil) } }
        hasUnadopted = true
      }
    }
  }

  /// Makes a run ours. Its owner may have ended it since it was read, and died only then: its end is committed, counted,
  /// and waits to be settled.
  /// - Returns: the run as it is now; `nil` when it is not to be taken up.
  private func adopt(_ run: RunRecord) throws(Failure) -> RunRecord? {
    try journal.commit { transaction in
      guard let current = try transaction.reading.run(run.id), !current.state.isTerminal else { return nil }
      return try transaction.setOwner(run.id, from: run.owner, to: id) ? current : nil
    }
  }

  private func isKnown(_ runner: String) -> Bool {
    runner == id || (wrecks + finished + retiring).contains { $0.runnerID == runner }
  }

  /// What recovery holds of dead runners while it works.
  private struct Estate {
    var locks: [String: RunnerLock] = [:]
    var wrecks: [String: Wreck] = [:]
    var outstanding: [String: Set<AttemptKey>] = [:]

    /// Whether a run's owner is gone. Only its lock tells; taking it keeps others from adopting at the same time.
    mutating func isDead(_ owner: String?, dataDirectory: String) throws(Failure) -> Bool {
      guard let owner else { return true }
      if locks[owner] == nil { locks[owner] = try RunnerLock.takeIfFree(dataDirectory: dataDirectory, id: owner) }
      return locks[owner] != nil
    }

    /// What is left of the runner that launched an attempt of an adopted run. It is dead: an attempt is launched by its
    /// run's owner, and owners are only replaced when they are. Its lock may be another's who adopted other runs of it;
    /// then that one's files are only read here, and stay for as long as the journal has attempts they tell of.
    mutating func wreck(
      of launcher: String, dataDirectory: String, tell: (Failure) -> Void
    ) throws(Failure) -> Wreck {
      _ = try isDead(launcher, dataDirectory: dataDirectory)
      if let known = wrecks[launcher] { return known }
      let wreck = try Wreck.survey(dataDirectory: dataDirectory, runnerID: launcher)
      if let damage = wreck.damage { tell(damage) }
      wrecks[launcher] = wreck
      return wreck
    }
  }

  /// Hands a run from the journal to the scheduler, with what became of its attempts.
  private func resume(_ run: RunRecord, _ estate: inout Estate) throws(Failure) {
    let (content, tasks, attempts, tickets) = try journal.read {
      (
        try $0.content(run.id) ?? [], try $0.tasks(of: run.id), try $0.attempts(of: run.id),
        try $0.leaders(of: run.id)
      )
    }
    try requireConsistent(run, content)
    let (read, trouble) = plan(of: run, content)
    let plan = read ?? .remains(tasks, attempts)
    log.info(
      "Run adopted",
      metadata: ["workflow_id": .string(run.id.text), "former_owner": .string(run.owner ?? "none")])
    owned[run.id] = OwnedRun(user: run.user, submitter: run.submitter, startedAt: run.startedAt, since: run.livesSince)
    try keeping(run.id) { () throws(Failure) in
      try prepareDirectory(of: run.id)
      // A power cut can have left it empty.
      try keepContent(content, of: run.id, run.format)
    }
    events.complete(run, tasks, attempts)
    if run.retriedAt != nil { try unsettle(run) }
    var seed = RunSeed(
      id: run.id, name: run.name, user: run.user, priority: run.priority, plan: plan, params: run.params,
      directory: RunDirectory(run.id, in: home.runs).files, since: run.livesSince)
    seed.stopping = trouble ?? (run.isCancelRequested ? .cancel : nil)
    seed.isHeld = run.isHoldRequested
    seed.hasStarted = run.startedAt != nil
    let plans = Dictionary(plan.tasks.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    let bases = Dictionary(uniqueKeysWithValues: tasks.map { ($0.task, $0.base) })
    for task in tasks { seed.restored[task.task] = RestoredTask(task) }
    var endings: [Event] = []
    for attempt in attempts {
      var task = seed.restored[attempt.key.task] ?? RestoredTask(state: .pending)
      task.attempts = max(task.attempts, attempt.key.number)
      if attempt.isCounted, attempt.key.number > bases[attempt.key.task] ?? 0 { task.counted += 1 }
      if attempt.outcome == nil {
        leaders[attempt.key] = tickets[attempt.key].map { CacheLeader(agent: attempt.agent, ticket: $0) }
        var promise = AttemptPromise()
        if let plan = plans[attempt.key.task] {
          promise = AttemptPromise(
            outputs: plan.outputs, keepsStdout: plan.keepsStdout, memory: plan.resources.memory)
        }
        promise.reader = reader(for: attempt.agent)
        promises[attempt.key] = promise
        task.flight = try flight(of: attempt, &estate, &endings)
      }
      seed.restored[attempt.key.task] = task
    }
    pending += [.admitted(seed)] + endings
  }

  /// What an adopted run was accepted with; `nil`, and why, when it is not to be had any more.
  private func plan(of run: RunRecord, _ content: [UInt8]) -> (WorkflowPlan?, EndingCause?) {
    let name = Suspects.name(of: run)
    if let proof = suspects.proof(against: name) {
      log.error(
        "Run set aside as poison", metadata: ["workflow_id": .string(run.id.text), "error": .string(proof)])
      return (nil, .poison)
    }
    let plan = readingMark.around(name) { WorkflowParser.parse(content, file: run.shownFile).plan }
    if plan == nil { log.error("Run cannot be read any more", metadata: ["workflow_id": .string(run.id.text)]) }
    return (plan, plan == nil ? .unreadable : nil)
  }

  /// What an attempt without a recorded end is doing, from the evidence its runner and warden left.
  private func flight(
    of attempt: AttemptRecord, _ estate: inout Estate, _ endings: inout [Event]
  ) throws(Failure) -> RestoredTask.Flight {
    let key = attempt.key
    var since: Int64?
    if performers[attempt.agent] != nil {
      // Nothing of it outlives its runner but programs it had started, and its transcript says how far it came: it is begun
      // again under the same number.
      _ = ProcessTree.kill(key, home: home.root, identity: nil)
      return .interrupted
    }
    let wreck = try estate.wreck(of: attempt.launcher, dataDirectory: home.data, tell: tellDamage)
    switch wreck.verdict(key) {
    case .ended(let record): endings.append(.ended(try ending(of: record)))
    case .refused(let reason, let infrastructure):
      endings.append(.ended(notStarted(key, reason, infrastructure: infrastructure)))
    case .running(let command):
      since = command.identity?.startedBoot
      estate.outstanding[attempt.launcher, default: []].insert(key)
    case .undecided: estate.outstanding[attempt.launcher, default: []].insert(key)
    // Its agent may have performed it itself, and be none of ours any more.
    case .neverStarted: return try journal.read { try $0.openCalls(of: key) }.isEmpty ? .committed : .interrupted
    case .lost(let command): endings.append(.ended(try lost(key, command, wreck.origin, since: attempt.started.wall)))
    }
    return .running(
      agent: attempt.agent, since: since, ending: attempt.endingCause.flatMap(EndingCause.init(rawValue:)))
  }

  private func tellDamage(_ damage: Failure) {
    log.error("Exit log damaged; what it does not tell is lost", error: damage)
    deltas.increment(.errors, ["exit_log"])
  }

  /// An attempt whose end nobody knows: first what is left of it is killed, so that nothing can run beside a retry.
  private func lost(
    _ key: AttemptKey, _ command: Wreck.Command?, _ origin: Wreck.Origin, since: Timestamp
  ) throws(Failure) -> AttemptEnding {
    var reason = reasonOfLoss(key, command, origin)
    var omitted = OmittedOutput.none
    if let command {
      let bound = OutputBound(limit: configuration.system.maxTaskOutput)
      omitted = OmittedOutput(stdout: bound.cut(command.stdout), stderr: bound.cut(command.stderr))
      let files = AttemptFiles(key, runs: home.runs)
      for (scratch, stream) in [(command.stdout, "stdout"), (command.stderr, "stderr")] {
        if let obstacle = try files.keep(scratch, as: stream) { reason += "; \(obstacle)" }
      }
    }
    // What it wrote for others is not taken, and may hold a secret that nobody has masked.
    unlink(RunDirectory(key.workflow, in: home.runs).output(of: key))
    agent.sweep(key, by: promises[key]?.reader)
    promises[key] = nil
    let now = clock.now().wall
    log.error(
      "Attempt lost", metadata: ["workflow_id": .string(key.workflow.text), "task_id": .string(key.task)])
    return AttemptEnding(
      key: key, outcome: .lost(reason), startedAt: since, finishedAt: now, duration: max(.zero, now - since),
      omitted: omitted)
  }

  /// Kills what is left of a lost attempt, unless it is another home's, and says what is known.
  private func reasonOfLoss(_ key: AttemptKey, _ command: Wreck.Command?, _ origin: Wreck.Origin) -> String {
    let path: String
    switch origin {
    case .original:
      return
        "it was started in the home of which this one is a copy, and may run there: whether it finished is not known"
    case .here(let former): path = former
    case .unknown: path = home.root
    }
    let reason = "its runner and its warden ended while it ran: whether it finished is not known"
    switch ProcessTree.kill(key, home: path, identity: command?.identity, group: command?.group) {
    case .proved: return reason
    case .survivors(let pids): return reason + "; processes \(pids) of it do not die"
    case .unproved(let why): return reason + "; whether processes of it are left cannot be seen: \(why)"
    }
  }

  /// Keeps watching dead runners whose attempts go on; the files of the others are removed once no attempt refers to them.
  private func wind(up estate: Estate) throws(Failure) {
    for (runner, outstanding) in estate.outstanding {
      guard let wreck = estate.wrecks[runner] else { continue }
      wrecks.append(AdoptedRunner(wreck, lock: estate.locks[runner], outstanding: outstanding))
    }
    for (runner, lock) in estate.locks where estate.outstanding[runner] == nil {
      if try !journal.read({ try $0.refers(to: runner) }) { try remove(lock) }
    }
    try gatherFromWrecks(into: &pending)
  }

  /// Hears of attempts that dead runners started.
  func gatherFromWrecks(into events: inout [Event]) throws(Failure) {
    for wreck in wrecks {
      for news in try wreck.news() {
        switch news {
        case .ended(let record): events.append(.ended(try ending(of: record)))
        case .refused(let key, let reason, let infrastructure):
          events.append(.ended(notStarted(key, reason, infrastructure: infrastructure)))
        case .began(let key, let since): events.append(.seenRunning(key, since: since))
        case .neverStarted(let key): events.append(.neverBegan(key))
        case .damaged(let damage): tellDamage(damage)
        case .lost(let key, let command):
          let since = command?.startedAt ?? clock.now().wall
          events.append(.ended(try lost(key, command, wreck.origin, since: since)))
        }
      }
    }
    for wreck in wrecks where wreck.outstanding.isEmpty { finished.append(wreck) }
    wrecks.removeAll { $0.outstanding.isEmpty }
  }

  /// Removes the files of adopted runners whose last attempt's end is committed: until then their exit logs are all that
  /// tells a successor of ours how the attempts ended.
  func forgetRetired() throws(Failure) {
    guard !retiring.isEmpty else { return }
    for wreck in retiring {
      // Attempts of runs that others adopted may still have their ends in these files.
      guard let lock = wreck.lock, try !journal.read({ try $0.refers(to: wreck.runnerID) }) else { continue }
      try remove(lock)
    }
    retiring.removeAll()
  }

  /// Removes what a dead runner left, and last the lock that we hold for it. A crash half-way is mended by the next one who
  /// takes that lock.
  private func remove(_ lock: RunnerLock) throws(Failure) {
    try inspect(lock)  // It may have died after we looked for the dead.
    let wreck = try Wreck.survey(dataDirectory: home.data, runnerID: lock.files.runnerID)
    if wreck.damage != nil { try lock.files.keepDamagedLog() }
    try lock.files.remove()
    try lock.remove()
  }

  /// Ends that were recorded and not settled.
  private func settleLeftovers(_ estate: inout Estate) throws(Failure) {
    for run in try journal.read({ try $0.unsettled() }) where run.state.isTerminal && !unsettled.contains(run.id) {
      guard run.owner != id, try estate.isDead(run.owner, dataDirectory: home.data) else { continue }
      // Ours before it is touched: of two runners that find it, one settles and marks it.
      guard try journal.commit({ try $0.setOwner(run.id, from: run.owner, to: id) }) else { continue }
      unsettled.append(run.id)
      inherited.insert(run.id)
      if run.state != .rejected {
        let (tasks, attempts) = try journal.read { (try $0.tasks(of: run.id), try $0.attempts(of: run.id)) }
        events.complete(run, tasks, attempts)
      }
    }
    writeEvents()
  }
}

extension WorkflowPlan {
  /// What is left of a run whose file cannot be read: the tasks the journal knows of, so that what runs of them is ended.
  fileprivate static func remains(_ tasks: [TaskRecord], _ attempts: [AttemptRecord]) -> WorkflowPlan {
    var plan = WorkflowPlan()
    let names = Set(tasks.map(\.task)).union(attempts.map(\.key.task))
    plan.tasks = names.sorted().map { TaskPlan(id: $0, work: .command([])) }
    return plan
  }
}
