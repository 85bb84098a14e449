import AstroCore
import AstroRunner

extension PlanReport {
  /// What `astro plan` shows.
  var text: String {
    let plan = workflow.plan
    let count = plan.tasks.count
    let head =
      "\(workflow.name): \(count) task\(count == 1 ? "" : "s") in \(levels.count) level\(levels.count == 1 ? "" : "s"), "
      + "for user \(workflow.user)"
    return Terminal.printable(head) + "\n" + notesText + parametersText + tableText + boundsText
  }

  private var notesText: String {
    let plan = workflow.plan
    let lines = [plan.description.map(WorkflowNotes.line), WorkflowNotes.line(plan.labels).map { "labels: \($0)" }]
    return lines.compactMap { $0.map { Terminal.printable($0) + "\n" } }.joined()
  }

  private var parametersText: String {
    guard !workflow.params.isEmpty else { return "" }
    let pairs = workflow.params.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.json)" }
    return "parameters: \(Terminal.printable(pairs.joined(separator: " ")))\n"
  }

  private var tableText: String {
    let tasks = workflow.plan.tasks
    var rows: [[String]] = []
    for (level, positions) in levels.enumerated() {
      for position in positions {
        let task = tasks[position]
        rows.append([
          String(level + 1), task.id, task.needs.map { tasks[$0].id }.joined(separator: ", "),
          agents[position].joined(separator: ", "), task.timeout.map(Notation.spell) ?? "none", task.retryText,
          task.condition?.spelled ?? "",
        ])
      }
    }
    return Table.text(["LEVEL", "TASK", "NEEDS", "AGENTS", "TIMEOUT", "ATTEMPTS", "IF"], rows)
  }

  private var boundsText: String {
    var lines = [
      "rounds: at least \(rounds.least) (longest chain \(rounds.longestChain), \(rounds.parallel) tasks at once)",
      "shortest time the limits allow: \(shortest.map(Notation.spell) ?? "never")",
    ]
    for wait in waits where wait.wait != .zero { lines.append("  " + wait.text) }
    if let notBefore = workflow.plan.notBefore { lines.append("not before: \(notBefore.rfc3339)") }
    if let deadline = workflow.plan.deadline {
      let verdict = isDeadlineTooShort ? ": it passes before the limits let the last task start" : ""
      lines.append("deadline: \(Notation.spell(deadline))\(verdict)")
    }
    lines += forecast.lines
    return lines.map { Terminal.printable($0) + "\n" }.joined()
  }
}

extension PlanReport.LimitWait {
  fileprivate var text: String {
    let grants = "\(requests) at \(maxRequests ?? 0) per \(Notation.spell(window))"
    return "\(limiter): \(grants): \(wait.map { "at least " + Notation.spell($0) } ?? "never let through")"
  }
}

extension TaskPlan {
  fileprivate var retryText: String {
    guard retry.attempts > 1 else { return "1" }
    return "\(retry.attempts), \(Notation.spell(retry.delay)) apart at first"
  }
}

extension CallForecast {
  fileprivate var lines: [String] {
    guard calls > 0 || !unknown.isEmpty else { return ["cost ceiling: 0 USD (no calls to models)"] }
    var lines = ["calls to models: at most \(calls), \(tokens) tokens"]
    if !unknown.isEmpty {
      lines.append("  besides these, not known before they start: \(unknown.joined(separator: ", "))")
    }
    if !unpriced.isEmpty { lines.append("  without a price: \(unpriced.joined(separator: ", "))") }
    let bound = budget.map { " (the run's budget is \($0))" } ?? ""
    lines.append("cost ceiling: \(ceiling.map(\.description) ?? "not known")\(bound)")
    return lines
  }
}
