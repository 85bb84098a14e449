import AstroAgents
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroProcess
import AstroScheduling
import AstroSpool
import AstroTelemetry
import Glibc
import Logging

extension Runner {
  /// One turn of the loop: gather, decide, commit, perform.
  func turn() throws(Failure) {
    let events = try gather()
    let now = clock.now()
    intake.advance(to: now.boot)
    var batch = Batch(decisions: scheduler.handle(events, at: now))
    // Attempts granted by an earlier commit get the slots that have just come free before this commit's fsync.
    performLaunches(&batch)
    let findings = takesFiles ? try look(now) : []
    let admits = takesFiles && room > 0 && intake.hasAdmissible
    if batch.needsCommit || !findings.isEmpty || admits || !settled.isEmpty {
      try commit(&batch, findings, admits: admits)
    }
    intake.endTurn()
    performLaunches(&batch)
    try tell(batch)
    try settleEnded()
    try forgetFinishedRunners()
    if options.mode == .watch { _ = try beginCleaning() }
    try continueCleaning()
    reports.update(self, now: now)
  }

  /// What one turn decided, in order, and what of it is done.
  struct Batch {
    var decisions: [Decision]
    /// Decisions before this one are in the transaction.
    var recorded = 0
    /// Decisions before this one have had their process started.
    var launched = 0
    var now: [WorkflowID: Admitted] = [:]
    var verdicts: [AttemptKey: LimitVerdict] = [:]
    var refusals: [Refused] = []

    init(decisions: [Decision]) { self.decisions = decisions }

    var needsCommit: Bool {
      decisions.contains {
        switch $0 {
        case .signal, .probe: false
        case .begin, .launch, .withdraw, .close, .update, .runStarted, .runEnded, .agentChanged: true
        }
      }
    }
  }

  private func gather() throws(Failure) -> [Event] {
    for request in signals.take() { answer(request) }
    var events = pending
    pending.removeAll()
    for event in try launcher.receive() { try take(event, into: &events) }
    try gatherFromWrecks(into: &events)
    gatherFromSpool()
    if bell.take() { try answerBell() }
    if clock.now().boot >= nextRescan { try rescan() }
    return events
  }

  private func answer(_ request: SignalInbox.Request) {
    switch request {
    case .reload: reports.reload(self)
    case .stop:
      stopRequests += 1
      guard stopRequests == 1 else {
        stopping = .now
        return
      }
      log.info("Stopping", metadata: ["grace_seconds": .stringConvertible(options.grace.seconds)])
      observer?.runner(.stopRequested)
      result.interrupted = true
      if options.mode == .single {
        pending += owned.keys.map { .cancel($0) }
      } else {
        stop(within: options.grace)
      }
    }
  }

  private func take(_ event: LauncherEvent, into events: inout [Event]) throws(Failure) {
    switch event {
    case .started: break
    case .ended(let record): events.append(.ended(try ending(of: record)))
    case .refused(let key, let reason, let infrastructure):
      events.append(.ended(notStarted(key, reason, infrastructure: infrastructure)))
    case .closed:
      throw Failure(.unavailable, subject: "warden of \(id)", message: "ended unexpectedly; its attempts are adopted")
    }
  }

  /// Takes what an attempt left before its end is decided on, so that the journal's record is complete.
  func ending(of record: ExitRecord) throws(Failure) -> AttemptEnding {
    let promise = promises.removeValue(forKey: record.key) ?? AttemptPromise()
    taken.append(record.key)
    return try CommandAgent.ending(of: record, promise: promise, runs: home.runs)
  }

  func notStarted(_ key: AttemptKey, _ reason: String, infrastructure: Bool) -> AttemptEnding {
    promises[key] = nil
    let now = clock.now().wall
    return AttemptEnding(
      key: key, outcome: .notStarted(reason: reason, infrastructure: infrastructure), startedAt: now, finishedAt: now,
      duration: .zero)
  }

  private func gatherFromSpool() {
    guard takesFiles else { return }
    switch spool.watch.readEvents() {
    case .none: break
    case .names(let names): intake.notice(names)
    case .rescan, .directoryGone: nextRescan = 0
    }
  }

  /// Starts the processes and sends the signals decided so far, of attempts that are committed.
  func performLaunches(_ batch: inout Batch) {
    var starts: [AttemptStart] = []
    for decision in batch.decisions[batch.launched...] {
      switch decision {
      case .launch(let start):
        promises[start.key] = start.promise
        starts.append(start)
      case .signal(let key, let signal): send(signal, to: key)
      case .probe(let name): pending.append(.probed(agent: name, error: agent.probe()))
      case .begin, .withdraw, .close, .update, .runStarted, .runEnded, .agentChanged: break
      }
    }
    batch.launched = batch.decisions.count
    guard !starts.isEmpty else { return }
    for ending in agent.start(starts) {
      promises[ending.key] = nil
      pending.append(.ended(ending))
    }
  }

  private func send(_ signal: TerminationSignal, to key: AttemptKey) {
    for wreck in wrecks where wreck.signal(key, signal) { return }
    agent.signal(key, signal)
  }
}
