import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroJournal
import Glibc

struct LogsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logs", abstract: "What the tasks of a run printed.",
    discussion: """
      Shows the last attempt of each task, or of the one named: stdout, then stderr, under a header when more than one \
      of them is shown. With --stdout or --stderr and a task the bytes come out exactly as they were printed; on a \
      terminal control characters are shown as '?', unless --raw is given. Works while the task runs.
      """)
  @OptionGroup var home: HomeOption
  @OptionGroup var output: JSONOption
  @Argument(help: "A run: its identifier, the start of it, or @latest.") var name: String
  @Argument(help: "Only this task.") var task: String?
  @Flag(name: .shortAndLong, help: "Go on as more is printed, until the task, or the run, has ended.")
  var follow = false
  @Option(help: "This attempt instead of the last one; attempts count from 1.") var attempt: Int?
  @Flag(help: "Only what was printed on stdout.") var stdout = false
  @Flag(help: "Only what was printed on stderr.") var stderr = false
  @Flag(help: "On a terminal too the bytes as they were printed: a task can then do to it what it likes.")
  var raw = false

  func validate() throws {
    if attempt != nil, task == nil { throw ValidationError("--attempt needs a task: astro logs RUN TASK --attempt N") }
    if let attempt, attempt < 1 { throw ValidationError("attempts count from 1, got \(attempt)") }
  }

  func run() throws {
    let watch = follow ? FollowWatch() : nil
    let site = try home.open()
    let id = try site.resolve(name)
    let streams: [OutputStream] = stdout == stderr ? OutputStream.allCases : stdout ? [.stdout] : [.stderr]
    let selection = OutputSelection(task: task, attempt: attempt, streams: streams)
    let journal = try Journal.openReading(dataDirectory: site.home.data)
    let (snapshot, content) = try journal.read { (try RunSnapshot(id, in: $0), try $0.content(id) ?? []) }
    try snapshot.check(selection, content: content)
    var reader = OutputReader(selection, of: snapshot, site: site)
    let form: PiecePrinter.Form = output.json ? .json : .plain(isRaw: raw || !Output.isTerminal)
    if let watch { return try reader.follow(journal, watch, form) }
    if try !reader.show(snapshot, form) { Message.note(silence(snapshot, selection)) }
  }

  /// Why there is nothing to show. It goes to stderr, so that a pipe gets the output and nothing else.
  private func silence(_ snapshot: RunSnapshot, _ selection: OutputSelection) -> String {
    let attempts = snapshot.attempts(of: selection)
    let began = !attempts.isEmpty
    let stream = selection.streams.count == 1 ? " on \(selection.streams[0].rawValue)" : ""
    let what = "nothing\(stream)" + (attempts.contains { $0.ending == nil } ? " so far" : "")
    guard let task = selection.task else {
      let run = snapshot.run
      if began { return "\(run.id): its tasks printed \(what)" }
      return "\(run.id): no task has started, it is \(run.state.rawValue)\(run.reason.map { ": \($0)" } ?? "")"
    }
    if began { return "\(task): printed \(what)" }
    let record = snapshot.tasks[task]
    let reason = record?.reason.map { ": \($0)" } ?? ""
    return "\(task): has not started, it is \((record?.state ?? .pending).rawValue)\(reason)"
  }
}
