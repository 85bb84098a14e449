import AstroConfiguration
import AstroCore
import AstroRunner
import AstroScheduling
import Glibc

/// Live progress of one run on stderr: a line for every task as it ends, and on a terminal a last line that says what
/// runs now.
final class Progress: RunObserver {
  private let site: Site
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private let colours: Bool
  private var total = 0
  private var done = 0
  private var running: [String] = []
  private var hasStatusLine = false

  init(site: Site) {
    self.site = site
    colours = isTerminal && (site.environment["NO_COLOR"] ?? "").isEmpty
  }

  func runner(_ event: RunnerEvent) {
    switch event {
    case .accepted(let id, _, let tasks):
      total = tasks
      say("\(id): \(tasks) task\(tasks == 1 ? "" : "s")")
    case .taskStarted(let key):
      running.append(key.task)
      if key.number > 1 { say("  ↻ \(key.task), attempt \(key.number)") }
    case .taskWaiting(let change):
      running.removeAll { $0 == change.task }
      say("  … \(change.task): \(Terminal.printable(change.reason ?? "waiting"))")
    case .taskEnded(let change): ended(change)
    case .throttled(_, let verdict):
      say("  … \(verdict.limiter) is used up, next in \(Notation.spell(verdict.retryAfter))")
    case .ended(_, let state, let reason):
      let more = reason.flatMap { $0 == state.rawValue ? nil : ": \($0)" } ?? ""
      say(paint(state.rawValue + more, state == .succeeded ? 32 : 31))
    case .stopRequested: say("cancelling; once more to kill what runs")
    }
    showStatus()
  }

  private func ended(_ change: TaskChange) {
    running.removeAll { $0 == change.task }
    done += 1
    var text = change.task
    if let started = change.startedAt, let finished = change.finishedAt {
      text += "  \(Notation.spell(finished - started))"
    }
    switch change.state {
    case .succeeded: say("  \(paint("✔", 32)) \(text)")
    case .skipped: say("  - \(text): \(Terminal.printable(change.reason ?? "skipped"))")
    default:
      say("  \(paint("✘", 31)) \(text): \(Terminal.printable(change.reason ?? change.state.rawValue))")
      showErrors(of: change)
    }
  }

  /// The end of what a failed task said, so that nobody has to look for it.
  private func showErrors(of change: TaskChange) {
    let key = AttemptKey(workflow: change.workflow, task: change.task, number: change.attempts)
    let path = RunDirectory(change.workflow, in: site.home.runs).attempt(key) + "/stderr"
    guard let bytes = try? FileTail.read(path, last: 4096) else { return }
    // By bytes: to Swift, CR LF is one character.
    for line in bytes.split(separator: 0x0A).suffix(10) {
      say("      \(Terminal.printable(String(decoding: line, as: UTF8.self), keepTabs: true))")
    }
  }

  private func say(_ text: String) {
    if hasStatusLine { Message.write("\r\u{1B}[K") }
    hasStatusLine = false
    Message.write(text + "\n")
  }

  private func showStatus() {
    guard isTerminal else { return }
    if hasStatusLine { Message.write("\r\u{1B}[K") }
    hasStatusLine = !running.isEmpty
    if hasStatusLine {
      let names = running.prefix(4).joined(separator: ", ") + (running.count > 4 ? ", …" : "")
      // A line that wraps could not be taken back.
      Message.write(Screen.cut("  [\(done)/\(total)] \(names)", to: Screen.size(of: STDERR_FILENO).columns))
    }
  }

  private func paint(_ text: String, _ colour: Int) -> String {
    colours ? "\u{1B}[\(colour)m\(Terminal.printable(text))\u{1B}[0m" : Terminal.printable(text)
  }
}
