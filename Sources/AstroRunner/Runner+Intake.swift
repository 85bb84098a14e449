import AstroConfiguration
import AstroCore
import AstroJournal
import AstroLimits
import AstroScheduling
import AstroSpool
import AstroTelemetry
import Logging

/// A file that became a run in the current turn.
struct Admitted {
  var admission: Admission
  var name: FileName
  var verdict: LimitVerdict?
  var format: SubmissionFormat { admission.format }
}

/// A file that was refused in the current turn.
struct Refused {
  var run: WorkflowID
  var shownFile: String
  var reason: String
}

extension Runner {
  /// Looks at names heard of; what cannot become a run comes back.
  func look(_ now: Moment) throws(Failure) -> [Intake.Finding] {
    try intake.look(in: spool, now: now) { candidate in
      examine(candidate) { id in (try? journal.read { try $0.submission(id) }).flatMap { $0 } }
    }
  }

  /// Examines a file inside a transaction, where the journal can be read through it alone.
  func examine(_ candidate: Candidate, in transaction: Transaction) -> Admission {
    examine(candidate) { id in (try? transaction.reading.submission(id)).flatMap { $0 } }
  }

  private func examine(_ candidate: Candidate, announced: (String) -> SubmissionRecord?) -> Admission {
    let origin = Examiner.Origin(candidate)
    return examiner.examine(
      candidate.bytes, from: origin, announced: Self.announcedID(candidate.name).flatMap { announced($0.text) })
  }

  /// The run that `astro submit` announced, if it named this file: asked for under this identifier.
  private static func announcedID(_ name: FileName) -> WorkflowID? {
    WorkflowID(validating: String(decoding: name.stem, as: UTF8.self))
  }

  /// Rejects what the looks found unacceptable.
  func refuse(_ findings: [Intake.Finding], in transaction: Transaction) throws(Failure) {
    for finding in findings {
      switch finding {
      case .admissible(let candidate, let admission): try reject(candidate, admission, in: transaction)
      case .refused(let name, let refusal): try reject(name, refusal, in: transaction)
      }
    }
  }

  /// Takes files while there is room, each with the grant it needs.
  func admitFiles(in transaction: Transaction) throws(Failure) -> [Event] {
    var events: [Event] = []
    let now = clock.now()
    while events.count < min(room, 64),
      let finding = try intake.next(in: spool, now: now, examine: { examine($0, in: transaction) })
    {
      switch finding {
      case .refused(let name, let refusal): try reject(name, refusal, in: transaction)
      case .admissible(let candidate, let admission):
        guard let plan = admission.plan else {
          try reject(candidate, admission, in: transaction)
          continue
        }
        let verdict = try limits.check("workflow_creation", key: admission.user, in: transaction)
        if !verdict.allowed {
          throttle(candidate, admission, verdict)
          continue
        }
        if let event = try admit(candidate, admission, plan, in: transaction) { events.append(event) }
      }
    }
    return events
  }

  private func throttle(_ candidate: Candidate, _ admission: Admission, _ verdict: LimitVerdict) {
    intake.putBack(candidate, admission)
    intake.block(user: admission.user, until: clock.now().boot + max(1000, verdict.retryAfter.microseconds))
    result.throttled = true
    deltas.increment(.limitDenied, ["workflow_creation"])
    log.warning(
      "Rate limit exceeded",
      metadata: [
        "user_id": .string(admission.user), "limiter": "workflow_creation", "file": .string(admission.shownFile),
        "retry_after": .stringConvertible(verdict.retryAfter.seconds),
      ])
  }

  /// Claims one file and makes it a run. The grant is taken only when the claim succeeded.
  private func admit(
    _ candidate: Candidate, _ admission: Admission, _ plan: WorkflowPlan, in transaction: Transaction
  ) throws(Failure) -> Event? {
    let run = try runID(for: admission, in: transaction)
    switch try spool.claim(candidate, as: run) {
    case .taken: return nil
    case .changed(let name):
      intake.notice(CollectionOfOne(name))
      return nil
    case .claimed: break
    }
    let verdict = try limits.consume("workflow_creation", key: admission.user, in: transaction)
    deltas.increment(.limitGranted, ["workflow_creation"])
    batch.now[run] = Admitted(admission: admission, name: candidate.name, verdict: verdict)
    return try enter(run, admission, plan, verdict, in: transaction)
  }

  func runID(for admission: Admission, in transaction: Transaction) throws(Failure) -> WorkflowID {
    if let announced = admission.submission, try transaction.reading.run(announced) == nil { return announced }
    var random = SystemRandomNumberGenerator()
    return WorkflowID.mint(name: admission.name, at: clock.now().wall, using: &random)
  }

  /// Records a claimed file as a run of ours.
  func enter(
    _ run: WorkflowID, _ admission: Admission, _ plan: WorkflowPlan, _ verdict: LimitVerdict?,
    in transaction: Transaction
  ) throws(Failure) -> Event {
    let now = clock.now().wall
    try prepareDirectory(of: run)
    unkept.append((run, admission.bytes, admission.format))
    try transaction.insert(record(run, admission, state: .queued, at: now, verdict: verdict), content: admission.bytes)
    if admission.submission != nil { _ = try transaction.take(submission: run.text) }
    owned[run] = OwnedRun(user: admission.user, startedAt: nil, since: now)
    return .admitted(
      RunSeed(
        id: run, name: admission.name, user: admission.user, priority: plan.priority, plan: plan,
        params: admission.params, directory: RunDirectory(run, in: home.runs).files, since: now))
  }

  func record(
    _ run: WorkflowID, _ admission: Admission, state: RunState, at now: Timestamp, verdict: LimitVerdict?
  ) -> RunRecord {
    var record = RunRecord(
      id: run, name: admission.name, user: admission.user, state: state, file: admission.file,
      fileExtension: admission.format.rawValue, sha256: admission.sha256, submittedAt: admission.submittedAt,
      claimedAt: now)
    record.priority = admission.plan?.priority ?? 0
    record.params = admission.params
    record.taskCount = admission.plan?.tasks.count ?? 0
    record.errors = admission.errors
    record.rateLimit = verdict
    record.owner = id
    record.finishedAt = state.isTerminal ? now : nil
    return record
  }

  /// A file that reads but cannot run: claimed as any other, then settled in `rejected/`.
  private func reject(
    _ candidate: Candidate, _ admission: Admission, in transaction: Transaction
  ) throws(Failure) {
    let run = try runID(for: admission, in: transaction)
    switch try spool.claim(candidate, as: run) {
    case .taken: return
    case .changed(let name): return intake.notice(CollectionOfOne(name))
    case .claimed: break
    }
    try transaction.insert(
      record(run, admission, state: .rejected, at: clock.now().wall, verdict: nil), content: admission.bytes)
    if admission.submission != nil { _ = try transaction.take(submission: run.text) }
    noteRejected(run, admission.shownFile, admission.errors.first?.code ?? "invalid")
  }

  private func reject(
    _ name: FileName, _ refusal: Refusal, in transaction: Transaction
  ) throws(Failure) {
    var random = SystemRandomNumberGenerator()
    let now = clock.now().wall
    var announced = Self.announcedID(name)
    if let id = announced, try transaction.reading.submission(id.text) == nil { announced = nil }
    let run = announced ?? .mint(name: Name.derived(fromStem: name.stem), at: now, using: &random)
    switch try spool.claimRefused(name, refusal, as: run) {
    case .taken: return
    case .changed(let name): return intake.notice(CollectionOfOne(name))
    case .claimed: break
    }
    var record = RunRecord(
      id: run, name: announced?.name ?? Name.derived(fromStem: name.stem), user: refusal.ownerName, state: .rejected,
      file: name.bytes,
      fileExtension: SubmissionFormat.yaml.rawValue, sha256: "", submittedAt: refusal.modifiedAt,
      claimedAt: now, owner: id)
    record.errors = [refusal.diagnostic(file: name.printable)]
    record.finishedAt = now
    try transaction.insert(record, content: [])
    if announced != nil { _ = try transaction.take(submission: run.text) }
    noteRejected(run, name.printable, refusal.reason.code)
  }

  private func noteRejected(_ run: WorkflowID, _ file: String, _ reason: String) {
    deltas.increment(.rejected, [reason])
    batch.refusals.append(Refused(run: run, shownFile: file, reason: reason))
    unsettled.append(run)
  }
}
