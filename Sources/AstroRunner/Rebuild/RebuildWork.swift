import AstroConfiguration
import AstroCore
import AstroJournal
import AstroLimits
import AstroSpool
import AstroTelemetry

/// Fills a new journal, a run at a time, and says what it did.
struct RebuildWork {
  let home: Home
  let configuration: Configuration
  let traces: Traces
  let salvage: Salvage?
  /// Whether what the old journal says of limits is all that was granted.
  let isTrusted: Bool
  let now: Timestamp
  private var users: Set<String> = []
  /// What the runs that are restored prove to have happened.
  private var proved = SeriesDeltas()

  init(
    home: Home, configuration: Configuration, traces: Traces, salvage: Salvage?, isTrusted: Bool, now: Timestamp
  ) {
    self.home = home
    self.configuration = configuration
    self.traces = traces
    self.salvage = salvage
    self.isTrusted = isTrusted
    self.now = now
  }

  mutating func fill(_ transaction: Transaction, _ report: inout RebuildReport) throws(Failure) {
    let examiner = Examiner(configuration)
    for id in Set(traces.runs.keys).union(salvage?.runs() ?? []).sorted() {
      let found = try traces.found(id, salvage?.run(id) ?? .init())
      guard found.wasAdmitted else {
        if found.place == .active { report.waiting.append(found.format.fileName(of: id).printable) }
        continue
      }
      var restoration = Restoration(found, runs: home.runs, examiner: examiner, now: now)
      let restored = restoration.restored()
      try transaction.restore(restored)
      users.insert(restored.run.user)
      count(restored)
      report.runs.append(
        .init(id: id, state: restored.run.state, witnesses: found.witnesses, notes: restoration.notes))
    }
    report.waiting += traces.refused.map(\.printable)
    report.missing += traces.damaged.map { "\($0.description); what it does not tell is lost" }
    let rest = salvage?.rest() ?? .init()
    try restoreCounters(rest, transaction, &report)
    try restoreLimits(rest, transaction, &report)
    try restoreRest(rest, transaction, &report)
  }

  private mutating func count(_ restored: RestoredRun) {
    let run = restored.run
    for attempt in restored.attempts {
      guard let ending = attempt.ending else { continue }
      proved.count(
        AttemptEnding(
          key: attempt.key, outcome: ending.outcome, startedAt: attempt.started.wall, finishedAt: ending.finishedAt,
          duration: ending.duration), agent: attempt.agent)
    }
    if run.state == .rejected {
      proved.increment(.rejected, [run.errors.first?.code ?? "invalid"])
    } else if run.state.isTerminal {
      proved.count(run.state, after: run.duration)
    }
  }

  /// The greatest of what the old journal says, the last page, and the runs themselves: none can have said too much.
  private func restoreCounters(
    _ rest: Salvage.Rest, _ transaction: Transaction, _ report: inout RebuildReport
  ) throws(Failure) {
    let page = MetricsText.counters(of: try FileTail.read(home.metrics) ?? [])
    let values = rest.series.merging(page) { max($0, $1) }.merging(proved.values) { max($0, $1) }
    try transaction.add(series: values)
    for (name, value) in values {
      let source =
        rest.series[name] == value ? "the old journal" : page[name] == value ? "the metrics file" : "what the runs show"
      report.counters[source, default: 0] += 1
    }
    if salvage == nil || rest.incomplete.contains("series") {
      report.missing.append("counters of what came after the last metrics file and left no run behind")
    }
  }

  private func restoreLimits(
    _ rest: Salvage.Rest, _ transaction: Transaction, _ report: inout RebuildReport
  ) throws(Failure) {
    let isWhole = isTrusted && salvage != nil && !rest.incomplete.contains("limit_state")
    for (limiter, limit) in configuration.system.limits.sorted(by: { $0.key < $1.key }) {
      guard case .window(let window) = limit else { continue }
      let states = rest.limits.filter { $0.limiter == limiter }
      for state in states { try transaction.restore(state, window: window) }
      guard !isWhole else { continue }
      for key in users.union(states.map(\.key)).sorted() {
        try transaction.exhaust(limiter, key: key, window: window)
        report.exhausted.append("\(limiter) \(key)")
      }
    }
  }

  private func restoreRest(
    _ rest: Salvage.Rest, _ transaction: Transaction, _ report: inout RebuildReport
  ) throws(Failure) {
    for agent in rest.agents { try transaction.put(agent: agent) }
    for (key, value) in rest.meta { try transaction.set(meta: key, to: value) }
    for submission in rest.submissions { try transaction.put(submission: submission) }
    let announced = Set(rest.submissions.map(\.id))
    for entry in try traces.spool.list() {
      guard let id = WorkflowID(minted: String(decoding: entry.name.stem, as: UTF8.self)), !announced.contains(id.text)
      else { continue }
      report.missing.append(
        "spool/\(entry.name.printable): the parameters it was submitted with, if there were any; remove it and submit it "
          + "again where they matter")
    }
    if salvage == nil || rest.incomplete.contains("agent") {
      report.missing.append("the reliability of agents: it begins anew")
    }
    if salvage == nil {
      report.missing.append("what was asked of runs in the last moment: cancel, hold, release, retry")
    }
  }
}
