import AstroCore
import AstroJournal
import AstroRunner
import AstroWorkflow
import AstroYAML
import Glibc

/// Which output of a run somebody wants to see.
struct OutputSelection {
  /// `nil` is every task.
  var task: String?
  /// `nil` is the last one of each task.
  var attempt: Int?
  var streams: [OutputStream]
}

/// What the journal says of a run at one moment, as far as its output is concerned.
struct RunSnapshot {
  var run: RunRecord
  var tasks: [String: TaskRecord]
  /// By start.
  var attempts: [AttemptRecord]

  init(_ id: WorkflowID, in journal: Reading) throws(Failure) {
    guard let run = try journal.run(id) else {
      throw Failure(.notFound, subject: id.text, message: "has been removed")
    }
    self.run = run
    tasks = Dictionary(try journal.tasks(of: id).map { ($0.task, $0) }, uniquingKeysWith: { $1 })
    attempts = try journal.attempts(of: id).sorted {
      ($0.started.wall, $0.key.task, $0.key.number) < ($1.started.wall, $1.key.task, $1.key.number)
    }
  }

  func attempts(of selection: OutputSelection) -> [AttemptRecord] {
    attempts.filter { attempt in
      (selection.task == nil || selection.task == attempt.key.task)
        && (selection.attempt == nil || selection.attempt == attempt.key.number)
    }
  }

  /// Only the newest attempt of each task, in the order of their starts.
  static func newest(_ attempts: [AttemptRecord]) -> [AttemptRecord] {
    let last = Dictionary(attempts.map { ($0.key.task, $0.key.number) }, uniquingKeysWith: max)
    return attempts.filter { last[$0.key.task] == $0.key.number }
  }

  /// Whether no attempt that is wanted can print anything more.
  func isOver(_ selection: OutputSelection) -> Bool {
    if run.state.isTerminal { return true }
    guard let task = selection.task else { return false }
    if tasks[task]?.state.isTerminal == true { return true }
    guard let number = selection.attempt else { return false }
    return attempts.contains { $0.key.task == task && $0.key.number == number && $0.ending != nil }
  }

  /// Throws `not_found` for a task that the workflow does not have, with the nearest that it has, and for an attempt
  /// that was not made.
  func check(_ selection: OutputSelection, content: [UInt8]) throws(Failure) {
    guard let task = selection.task else { return }
    let made = attempts.filter { $0.key.task == task }
    if made.isEmpty, tasks[task] == nil { try requirePlanned(task, content) }
    guard let number = selection.attempt, !made.contains(where: { $0.key.number == number }) else { return }
    let numbers = made.map { String($0.key.number) }.joined(separator: ", ")
    throw Failure(
      .notFound, subject: "\(run.id)/\(task)",
      message: made.isEmpty ? "has no attempt yet" : "has no attempt \(number); there is: \(numbers)")
  }

  private func requirePlanned(_ task: String, _ content: [UInt8]) throws(Failure) {
    let plan = WorkflowParser.parse(content, file: run.shownFile).plan
    let names = plan?.tasks.map(\.id) ?? attempts.map(\.key.task)
    guard !names.contains(task) else { return }
    let shown = names.prefix(8).joined(separator: ", ") + (names.count > 8 ? ", …" : "")
    let hint = NearestWord.of(task, among: names).map { "did you mean '\($0)'?" } ?? "its tasks: \(shown)"
    throw Failure(.notFound, subject: run.id.text, message: "has no task '\(task)'; \(hint)")
  }
}
