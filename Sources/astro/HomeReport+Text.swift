import AstroCore
import AstroJournal
import AstroRunner
import AstroSpool

extension HomeReport {
  /// What `astro status` shows. A section without anything in it says so in one line.
  var text: String {
    [runnersText, activeText, waitingText, limitsText, endedText, healthText].joined(separator: "\n")
  }

  private var runnersText: String {
    guard !runners.isEmpty else { return "No runner is working: files wait until astro watch or astro drain runs.\n" }
    var text = Table.text(
      ["RUNNER", "PID", "SINCE"],
      runners.map {
        [
          $0.isStalled ? "\($0.mode) (stalled)" : $0.mode, $0.pid.map(String.init) ?? "not visible",
          $0.since?.rfc3339 ?? "",
        ]
      })
    for runner in runners where runner.isStalled {
      guard let pid = runner.pid else { continue }
      text += """
        Process \(pid) was stopped and keeps its runs: kill -CONT \(pid) lets it go on, kill -KILL \(pid) lets the next \
        runner take them over.

        """
    }
    return text
  }

  private var activeText: String {
    guard !active.isEmpty else { return "No run is active.\n" }
    return "Active runs: \(active.count) of at most \(maxActive)\n"
      + Table.text(
        ["RUN", "STATE", "USER", "DONE", "RUNNING NOW"],
        active.map { item in
          [
            item.run.id.text, item.run.state.rawValue, item.run.user,
            "\(item.done)/\(item.total.map(String.init) ?? "?")", item.runningText,
          ]
        })
  }

  private var waitingText: String {
    guard waitingCount > 0 else { return "No file waits in the spool.\n" }
    let shown = waiting.prefix(20)
    var text =
      "Waiting files: \(waitingCount)\n"
      + Table.text(
        ["FILE", "USER", "SINCE", "HELD BY"],
        shown.map { [$0.sight.name.printable, $0.user, $0.sight.modifiedAt.rfc3339, $0.hold.text(at: time)] })
    if waitingCount > shown.count { text += "… and \(waitingCount - shown.count) more\n" }
    return text
  }

  private var limitsText: String {
    guard !limits.isEmpty else { return "No limit is in use.\n" }
    return Table.text(
      ["LIMIT", "KEY", "USED", "ALL FREE IN"],
      limits.map { limit in
        let used = limit.maxRequests.map { "\(limit.requestsInWindow)/\($0)" } ?? "unknown"
        return [limit.limiter, limit.key, used, Notation.spell(limit.resetIn)]
      })
  }

  private var endedText: String {
    guard !ended.isEmpty else { return "No run has ended yet.\n" }
    return Table.text(
      ["LAST RUNS", "STATE", "FINISHED", "TOOK", "REASON"],
      ended.map {
        [
          $0.id.text, $0.state.rawValue, $0.finishedAt?.rfc3339 ?? "", $0.duration.map(Notation.spell) ?? "",
          $0.shownReason,
        ]
      })
  }

  private var healthText: String {
    guard let status = health.status else { return "Health: no runner has reported yet.\n" }
    return "Health: \(status)\(health.message.map { " (\(Terminal.printable($0)))" } ?? "")\n"
  }
}

extension HomeReport.ActiveRun {
  fileprivate var runningText: String {
    guard isLookedAfter else { return "(its runner is gone: the next one takes it over)" }
    return running.prefix(4).joined(separator: ", ") + (running.count > 4 ? ", … (\(running.count))" : "")
  }
}

extension WaitingFile.Hold {
  /// For people: what holds it, and until when.
  func text(at now: Timestamp) -> String {
    guard let until else { return reason }
    return "\(reason), until \(until.rfc3339) (in \(Notation.spell(max(.zero, until - now))))"
  }
}

extension RunRecord {
  /// Why it ended as it did; of a rejected one the first thing that is wrong with it.
  var shownReason: String { reason ?? errors.first.map(\.message) ?? "" }
}
