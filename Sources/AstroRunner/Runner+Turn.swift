import AstroAgents
import AstroConfiguration
import AstroCore
import AstroProcess
import AstroScheduling
import AstroSpool
import CLinux
import Glibc
import Logging

extension Runner {
  /// One turn of the loop: gather, decide, commit, perform.
  ///
  /// Starts are committed ahead of their slots, so that a slot that comes free is filled at once, and the ends that made
  /// it free can wait for the commit of the next starts: one fsync pays for all of them.
  func turn() throws(Failure) {
    stopInTime()
    if canAdopt { try adoptUnowned() }
    try lookAtLeaders()
    let events = try gather()
    let now = clock.now()
    intake.advance(to: now.boot)
    batch.add(scheduler.handle(events, at: now), at: now.boot)
    try performLaunches()
    let findings = try gatherFiles(now)
    if !findings.isEmpty || (claimsFiles && !orphans.isEmpty) || isCommitDue(now.boot) {
      try commit(findings)
      try performLaunches()
      performEndings()
      try forgetRetired()
      try tell(batch)
      batch = Batch()
      giveBackMemory(after: findings)
    }
    intake.endTurn()
    try keepContents()
    try settleEnded()
    if options.mode == .watch { _ = try beginCleaning() }
    try continueCleaning()
  }

  /// What the reading of a large file took goes back to the system: the runner may wait for days after it.
  private func giveBackMemory(after findings: [Intake.Finding]) {
    if findings.reduce(0, { $0 + $1.size }) >= 256 << 10 { clinux_give_back_memory() }
  }

  /// How long a decision that holds nothing up may wait for others to share its fsync.
  static let commitDelay = Duration.milliseconds(5)

  /// When the next commit must come; `nil` when there is nothing to commit.
  var commitDue: Int64? {
    marks.durable.isEmpty ? batch.since.map { $0 + Self.commitDelay.microseconds } : 0
  }

  private func isCommitDue(_ boot: Int64) -> Bool {
    guard let due = commitDue else { return false }
    return boot >= due || (batch.since != nil && (batch.isUrgent || scheduler.wantsGrants || stopping != .no))
  }

  /// Reads only what poll(2) said is ready: a turn is often about one ended attempt, and every read that finds nothing
  /// costs as much as one that does.
  private func gather() throws(Failure) -> [Event] {
    if poller.isReady(signals.descriptor) { for request in signals.take() { try answer(request) } }
    // Before `pending` is taken: what is adopted here counts there against the room for more.
    if let bell, poller.isReady(bell.descriptor), bell.take() {
      // It rings too when the file is removed.
      try lock.requireNamed()
      try answerBell()
    }
    if clock.now().boot >= nextRescan { try rescan() }
    var events = pending
    pending.removeAll()
    if poller.isReady(launcher.descriptor) || !poller.watches(launcher.descriptor) {
      for event in try launcher.receive() { try take(event, into: &events) }
    }
    if !wrecks.isEmpty { try gatherFromWrecks(into: &events) }
    if poller.isReady(performances.descriptor) { try gatherFromPerformances(into: &events) }
    // What they had left to tell is in `events`, and so in the next commit.
    retiring += finished
    finished.removeAll()
    gatherFromSpool()
    return events
  }

  private func take(_ event: LauncherEvent, into events: inout [Event]) throws(Failure) {
    switch event {
    case .ended(let record): events.append(.ended(try ending(of: record)))
    case .began(let key): events.append(.began(key))
    case .withdrawn(let key): events.append(.withdrawn(key))
    case .refused(let key, let reason, let infrastructure):
      events.append(.ended(notStarted(key, reason, infrastructure: infrastructure)))
    case .closed(let reason):
      throw Failure(.unavailable, subject: "warden of \(id)", message: "\(reason); what it had started is lost")
    }
  }

  /// Takes what an attempt left before its end is decided on, so that the journal's record is complete.
  func ending(of record: ExitRecord) throws(Failure) -> AttemptEnding {
    let promise = promises.removeValue(forKey: record.key) ?? AttemptPromise()
    return try agent.ending(of: record, promise: promise, by: promise.reader)
  }

  func notStarted(_ key: AttemptKey, _ reason: String, infrastructure: Bool) -> AttemptEnding {
    promises[key] = nil
    let now = clock.now().wall
    return AttemptEnding(
      key: key, outcome: .notStarted(reason: reason, infrastructure: infrastructure), startedAt: now, finishedAt: now,
      duration: .zero)
  }

  private func gatherFromSpool() {
    guard takesFiles, bell != nil, case .events(let descriptor) = spool.watch.mode, poller.isReady(descriptor) else {
      return
    }
    switch spool.watch.readEvents() {
    case .none: break
    case .names(let names): intake.notice(names)
    case .rescan, .directoryGone: nextRescan = 0
    }
  }

  /// Starts the processes and sends the signals decided so far, of attempts that are committed; looks up what may be known.
  func performLaunches() throws(Failure) {
    var starts: [(start: AttemptStart, isHeld: Bool)] = []
    for decision in batch.decisions[batch.launched...] {
      switch decision {
      case .lookUp(let start, let agents): if let answer = try lookUp(start, among: agents) { pending.append(answer) }
      case .launch(let start) where performing[start.key] != nil: perform(start)
      case .launch(let start):
        promise(start)
        starts.append((start, false))
      case .enqueue(let start):
        promise(start)
        starts.append((start, true))
      // In the order decided: what is taken back or signalled has been handed over before.
      case .release(let key):
        launch(&starts)
        agent.release(key)
      case .withdraw(let key):
        launch(&starts)
        agent.withdraw(key)
      case .kill(let key):
        launch(&starts)
        send(.kill, to: key)
      case .probe(let name): probe(name)
      case .begin, .admit, .turnAway, .reassign, .started, .end, .forget, .close, .update, .runStarted, .runHeld,
        .runEnded, .agentChanged:
        break
      }
    }
    batch.launched = batch.decisions.count
    launch(&starts)
  }

  /// Remembers what must be read when an attempt has ended.
  private func promise(_ start: AttemptStart) {
    promises[start.key] = start.promise
    promises[start.key]?.reader = reader(for: start.agent)
  }

  /// Who reads what an agent's attempts leave; `nil` for commands, of which all know.
  func reader(for agent: String) -> String? {
    let form = configuration.agent(agent)?.form
    return form == .run ? nil : agent
  }

  /// Asks attempts to end, once it is committed why: see ``Decision/end(_:because:)``.
  func performEndings() {
    for case .end(let key, _) in batch.decisions { send(.terminate, to: key) }
  }

  private func launch(_ starts: inout [(start: AttemptStart, isHeld: Bool)]) {
    guard !starts.isEmpty else { return }
    for ending in agent.start(starts, submitter: submitter(of:)) {
      promises[ending.key] = nil
      pending.append(.ended(ending))
    }
    starts.removeAll()
  }

  /// Whose file a run is. One that is not ours, which nothing is started of, is nobody's.
  func submitter(of run: WorkflowID) -> Submitter {
    let user = owned[run]?.submitter ?? .max
    return Submitter(user: user, isTrusted: examiner.trusts(user))
  }

  func send(_ signal: TerminationSignal, to key: AttemptKey) {
    if performances.cancel(key) {
      performing[key]?.isCancelled = true
      return forgetAsks(of: key)
    }
    for wreck in wrecks where wreck.signal(key, signal) { return }
    agent.signal(key, signal)
  }
}
