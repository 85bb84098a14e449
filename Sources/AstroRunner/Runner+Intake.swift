import AstroConfiguration
import AstroCore
import AstroJournal
import AstroScheduling
import AstroSpool
import AstroTelemetry
import Logging

/// A file that was refused in the current turn.
struct Refused {
  var run: WorkflowID
  var shownFile: String
  var user: String
  var submittedAt: Timestamp
  var reason: String
}

extension Runner {
  // MARK: Before the gate

  /// What is to be taken with the next commit: files that cannot become runs, and the best of the others. All are read,
  /// checked and durable before the write gate is taken, so that nobody waits there for our disk.
  func gatherFiles(_ now: Moment) throws(Failure) -> [Intake.Finding] {
    guard claimsFiles else { return [] }
    let room = min(room, Self.takenPerTurn)
    let findings = try intake.look(in: spool, now: now, room: room, examine: examine) + choose(atMost: room)
    for case .admissible(let candidate, _) in findings { try candidate.synchronize() }
    return findings
  }

  private static let takenPerTurn = 64

  /// The best files there is room for, as far as the limit of each user goes.
  private func choose(atMost room: Int) throws(Failure) -> [Intake.Finding] {
    let now = clock.now()
    var chosen: [Intake.Finding] = []
    var size = 0
    var verdicts: [String: LimitVerdict] = [:]
    var taken: [String: Int64] = [:]
    while chosen.count < room, size < Intake.heldAtMost,
      let finding = try intake.next(in: spool, now: now, examine: examine)
    {
      if case .admissible(let candidate, let admission) = finding, !admission.isRefused {
        let user = admission.user
        let verdict: LimitVerdict
        if let known = verdicts[user] {
          verdict = known
        } else {
          verdict = try allowances.rates.check(LimiterName.workflowCreation, key: user, on: journal)
          verdicts[user] = verdict
        }
        guard verdict.allowed else {
          throttle(candidate, admission, verdict)
          continue
        }
        guard taken[user, default: 0] < verdict.remaining else {
          // What the limit lets through is chosen; the next turn asks it again.
          intake.putBack(candidate, admission)
          intake.block(user: user, until: now.boot + 1)
          continue
        }
        taken[user, default: 0] += 1
      }
      chosen.append(finding)
      size += finding.size
    }
    return chosen
  }

  func examine(_ candidate: Candidate) throws(Failure) -> Admission {
    let submission = try journal.read { try $0.submission(announcing: candidate.name) }
    let name = Suspects.name(of: candidate.identity)
    if let proof = suspects.proof(against: name) {
      var admission = Admission(poison: candidate, proof)
      admission.submission = submission.flatMap { WorkflowID(validating: $0.id) }
      return admission
    }
    return readingMark.around(name) {
      examiner.examine(candidate.bytes, from: Examiner.Origin(candidate), announced: submission)
    }
  }

  private func throttle(_ candidate: Candidate, _ admission: Admission, _ verdict: LimitVerdict) {
    intake.putBack(candidate, admission)
    intake.block(user: admission.user, until: clock.now().boot + max(1000, verdict.retryAfter.microseconds))
    deltas.increment(.limitDenied, [LimiterName.workflowCreation])
    log.warning(
      "Rate limit exceeded",
      metadata: [
        "user_id": .string(admission.user), "limiter": .string(LimiterName.workflowCreation),
        "file": .string(admission.shownFile),
        "retry_after": .stringConvertible(verdict.retryAfter.seconds),
      ])
  }

  // MARK: Under the gate

  /// Claims one file and makes it a run. The grant is taken only when the claim succeeded.
  func take(_ finding: Intake.Finding, in transaction: Transaction) throws(Failure) -> Event? {
    switch finding {
    case .admissible(let candidate, let admission):
      if !admission.isRefused {
        let verdict = try allowances.rates.check(LimiterName.workflowCreation, key: admission.user, in: transaction)
        guard verdict.allowed else {
          throttle(candidate, admission, verdict)
          return nil
        }
      }
      let run = try runID(for: admission, in: transaction)
      guard isClaimed(try spool.claim(candidate, as: run), candidate.name) else { return nil }
      return try admit(run, admission, in: transaction)
    case .refused(let name, let refusal):
      let announced = try transaction.reading.submission(announcing: name).map { WorkflowID(unchecked: $0.id) }
      let run = announced ?? .mint(name: Name.derived(fromStem: name.stem), at: clock.now().wall)
      guard isClaimed(try spool.claim(name, refusal, as: run), name) else { return nil }
      try reject(run, name, .yaml, refusal, in: transaction)
      return nil
    }
  }

  /// Makes a file a run that lost its claimer before it had its row.
  func take(_ orphan: Orphan, in transaction: Transaction) throws(Failure) -> Event? {
    let file = orphan.file
    guard try transaction.reading.run(file.id) == nil else { return nil }
    log.warning(
      "Claimed file without a run",
      metadata: ["workflow_id": .string(file.id.text), "file": .string(file.name.printable)])
    switch orphan {
    // It was let through once and is charged now, whatever the limiter says.
    case .admissible(_, let admission): return try admit(file.id, admission, in: transaction)
    case .refused(_, let format, let refusal): try reject(file.id, file.name, format, refusal, in: transaction)
    case .misplaced(_, let name):
      try usingSpool { () throws(Failure) in
        if let name = try spool.giveBack(file.name, as: name) { intake.notice([name]) }
      }
    }
    return nil
  }

  private func isClaimed(_ result: ClaimResult, _ name: FileName) -> Bool {
    switch result {
    case .claimed:
      intake.forget(name)
      troublePause = .zero
      return true
    case .taken: intake.forget(name)
    case .changed(let name): intake.notice([name])
    case .stuck(let failure): setAside(name, failure)
    case .blocked(let failure):
      intake.notice([name])
      note(failure)
    }
    return false
  }

  func runID(for admission: Admission, in transaction: Transaction) throws(Failure) -> WorkflowID {
    if let announced = admission.submission, try transaction.reading.run(announced) == nil { return announced }
    return .mint(name: admission.name, at: clock.now().wall)
  }

  private func admit(
    _ run: WorkflowID, _ admission: Admission, in transaction: Transaction
  ) throws(Failure) -> Event? {
    guard let plan = admission.plan else {
      try transaction.insert(
        record(run, admission, state: .rejected, at: clock.now().wall, verdict: nil), content: admission.bytes)
      if admission.submission != nil { _ = try transaction.take(submission: run.text) }
      noteRejected(
        Refused(
          run: run, shownFile: admission.shownFile, user: admission.user, submittedAt: admission.submittedAt,
          reason: admission.errors.first?.code ?? "invalid"))
      return nil
    }
    let verdict = try allowances.rates.consume(LimiterName.workflowCreation, key: admission.user, in: transaction)
    deltas.increment(.limitGranted, [LimiterName.workflowCreation])
    batch.admitted[run] = admission
    return try enter(run, admission, plan, verdict, in: transaction)
  }

  /// Records a claimed file as a run of ours.
  func enter(
    _ run: WorkflowID, _ admission: Admission, _ plan: WorkflowPlan, _ verdict: LimitVerdict?,
    in transaction: Transaction
  ) throws(Failure) -> Event {
    let now = clock.now().wall
    try prepareDirectory(of: run)
    if admission.format == .jsonl {
      // Its attempt reads it.
      try keeping(run) { () throws(Failure) in try keepContent(admission.bytes, of: run, admission.format) }
    } else {
      unkept.append((run, admission.bytes, admission.format))
    }
    changed.insert(run)
    try transaction.insert(record(run, admission, state: .queued, at: now, verdict: verdict), content: admission.bytes)
    if admission.submission != nil { _ = try transaction.take(submission: run.text) }
    owned[run] = OwnedRun(user: admission.user, submitter: admission.submitter, startedAt: nil, since: now)
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
    record.submitter = admission.submitter
    record.priority = admission.plan?.priority ?? 0
    record.params = admission.params
    record.taskCount = admission.plan?.tasks.count ?? 0
    record.errors = admission.errors
    record.rateLimit = verdict
    record.owner = id
    record.finishedAt = state.isTerminal ? now : nil
    return record
  }

  /// Records what was refused unread.
  private func reject(
    _ run: WorkflowID, _ name: FileName, _ format: SubmissionFormat, _ refusal: Refusal, in transaction: Transaction
  ) throws(Failure) {
    let now = clock.now().wall
    var record = RunRecord(
      id: run, name: run.name, user: refusal.ownerName, state: .rejected, file: name.bytes,
      fileExtension: format.rawValue, sha256: "", submittedAt: refusal.modifiedAt, claimedAt: now, owner: id)
    record.errors = [refusal.diagnostic(file: name.printable)]
    record.finishedAt = now
    try transaction.insert(record, content: [])
    _ = try transaction.take(submission: run.text)
    noteRejected(
      Refused(
        run: run, shownFile: name.printable, user: refusal.ownerName, submittedAt: refusal.modifiedAt,
        reason: refusal.reason.code))
  }

  private func noteRejected(_ refused: Refused) {
    deltas.increment(.rejected, [refused.reason])
    batch.refusals.append(refused)
    unsettled.append(refused.run)
  }
}
