import AstroConfiguration
import AstroCore
import AstroJournal
import AstroRunner
import AstroSpool
import Glibc

/// Waits until submitted files have become runs and those have ended, and says so on stderr as it happens.
final class SubmissionWait {
  private let site: Site
  private let watch: JournalWatch
  private var open: [Submission]
  private var ended: [WorkflowID: RunState] = [:]
  /// Seen nowhere at the last look: while a runner moves a file there is a moment without it.
  private var missing: Set<WorkflowID> = []

  init(_ submissions: [Submission], _ site: Site) {
    self.site = site
    open = submissions
    watch = JournalWatch(dataDirectory: site.home.data)
  }

  /// - Returns: the final states; fewer than there are submissions when a signal came first.
  func run(until signals: SignalInbox) throws -> [WorkflowID: RunState] {
    if try WorkingRunner.all(dataDirectory: site.home.data).allSatisfy({ !$0.takesFiles }) {
      Message.note("no runner is working: waiting for astro watch or astro drain")
    }
    while true {
      try look()
      if open.isEmpty { return ended }
      if watch.wait(or: signals) {
        Message.note("\(open.count) still to end; they go on")
        return ended
      }
    }
  }

  private func look() throws {
    // Asked before the journal: a file that is gone from the spool by now has its row by then, unless a runner holds it.
    let absent = Set(open.filter { !isSomewhere($0) }.map(\.id))
    let runs = try site.read { reading in try open.map { try reading.run($0.id) } } ?? []
    for run in runs.compactMap({ $0 }) where run.state.isTerminal { note(run.id, run.state, run.shownReason) }
    let known = Set(runs.compactMap { $0?.id })
    let gone = absent.subtracting(known)
    for id in gone.intersection(missing) { note(id, .cancelled, "its file was removed from the spool") }
    missing = gone
    open.removeAll { ended[$0.id] != nil }
  }

  private func note(_ id: WorkflowID, _ state: RunState, _ reason: String) {
    ended[id] = state
    Message.note("\(id) \(state.rawValue)\(reason.isEmpty ? "" : ": \(reason)")")
  }

  /// Whether the file still waits, or is on its way from the spool into the journal.
  private func isSomewhere(_ submission: Submission) -> Bool {
    let name = submission.fileName.printable
    return ["", "active/", "rejected/"].contains { access("\(site.home.spool)/\($0)\(name)", F_OK) == 0 }
  }
}
