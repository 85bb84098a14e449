import AstroCore
import AstroJournal
import AstroRunner

extension RunReport {
  /// What `astro status RUN` shows: the run, what is wrong with it, and its tasks in the order of the file.
  func text(at now: Timestamp) -> String {
    var text = headText(at: now)
    for error in run.errors { text += error.rendered }
    guard !tasks.isEmpty else { return text }
    let (agents, cached) = (agents, cachedTasks)
    return text + "\n"
      + Table.text(
        ["TASK", "STATE", "ATTEMPTS", "TOOK", "AGENT", "REASON"],
        tasks.map {
          [
            $0.task, $0.state.rawValue + (cached.contains($0.task) ? ", cached" : ""), String($0.attempts),
            $0.took(at: now), agents[$0.task] ?? "", $0.shownReason(at: now),
          ]
        })
  }

  private func headText(at now: Timestamp) -> String {
    let duration = run.duration ?? now - run.livesSince
    var lines = [
      "\(run.id) \(run.state.rawValue)\(run.reason.flatMap { $0 == run.state.rawValue ? nil : ": \($0)" } ?? "")"
    ]
    if let description { lines.append("about     \(WorkflowNotes.line(description))") }
    if let labels = WorkflowNotes.line(labels) { lines.append("labels    \(labels)") }
    lines.append("file      \(run.shownFile), submitted \(run.submittedAt.rfc3339) by \(run.user)")
    lines.append("claimed   \(run.claimedAt.rfc3339)")
    if let started = run.startedAt { lines.append("started   \(started.rfc3339)") }
    if let finished = run.finishedAt { lines.append("finished  \(finished.rfc3339)") }
    lines.append(
      "took      \(Notation.spell(max(.zero, duration)))\(run.finishedAt == nil ? " so far" : "")")
    let spent = spending
    if spent.calls > 0 {
      let cost = spent.unpriced < spent.calls ? ", \(spent.cost.description)" : ""
      lines.append("calls     \(spent.calls)\(cost)")
    }
    if run.isCancelRequested, !run.state.isTerminal { lines.append("asked to end") }
    return lines.map { Terminal.printable($0) + "\n" }.joined()
  }
}

extension TaskRecord {
  fileprivate func took(at now: Timestamp) -> String {
    guard let startedAt, state != .skipped, state != .upstreamFailed else { return "" }
    return Notation.spell(max(.zero, (finishedAt ?? now) - startedAt))
  }

  fileprivate func shownReason(at now: Timestamp) -> String {
    guard let notBefore, notBefore > now, !state.isTerminal else { return reason ?? "" }
    return "\(reason ?? "waiting"), next in \(Notation.spell(notBefore - now))"
  }
}
