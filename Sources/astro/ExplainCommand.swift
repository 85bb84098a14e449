import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroRunner
import AstroSpool
import Glibc

struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain", abstract: "Why a run, a task or a file in the spool waits, and until when.",
    discussion: """
      The time a limit gives is that of the task's, or the file's, own place in its user's line. Of a run that has \
      ended it says how, and where the output of the first failed task lies. Reads only. Exit code 66 when there is no \
      such run, task or file.
      """)
  @OptionGroup var home: HomeOption
  @OptionGroup var output: JSONOption
  @Argument(help: "A run (its identifier, the start of it, or @latest), or a file in spool/.") var name: String
  @Argument(help: "Only this task.") var task: String?

  /// More are only counted; --json has them all.
  private static let shown = 50

  func run() throws {
    let site = try home.open()
    if task == nil, let file = try explainFile(site) { return show(file) }
    try show(explainRun(site), site)
  }

  // MARK: Files

  /// `nil` when no file of this name waits.
  private func explainFile(_ site: Site) throws -> FileExplanation? {
    guard let file = site.spoolFile(name) else { return nil }
    let spool = try Spool(
      directory: site.home.spool,
      rules: SpoolRules(requireFinalNewline: site.configuration.system.requireFinalNewline), clock: site.clock)
    return try FileSituation(
      file, in: spool, journal: try site.openReader(), home: site.home, configuration: site.configuration,
      at: site.clock.now(),
      bootID: site.bootID
    ).map { FileExplanation($0) }
  }

  private var fileName: FileName? {
    FileName(
      bytes: name.utf8[
        (name.utf8.lastIndex(of: UInt8(ascii: "/")).map { name.utf8.index(after: $0) } ?? name.startIndex)...])
  }

  private func show(_ explanation: FileExplanation) {
    if output.json { return Output.json { explanation.write(to: &$0) } }
    Output.line("\(explanation.file) waits in the spool")
    for cause in explanation.causes {
      Output.line("  \(Terminal.printable(cause.sentence(at: explanation.now)))")
      if case .refused(let errors) = cause { Message.show(errors) }
    }
    guard !explanation.isHopeless else { return }
    Output.line("  claimed at the earliest: \(explanation.earliest?.told(at: explanation.now) ?? "unknown")")
  }

  // MARK: Runs

  private func explainRun(_ site: Site) throws -> Explanation {
    guard let id = try site.read({ try find($0) }) else { throw missing }
    let situation = try site.read { reading in
      try RunSituation(
        id, in: reading, home: site.home, configuration: site.configuration, at: site.clock.now(), bootID: site.bootID)
    }
    guard var situation = situation.flatMap({ $0 }) else { throw missing }
    if let task {
      let tasks = situation.plan.tasks.map(\.id)
      guard tasks.contains(task) else { throw RetrySelection.unknown(task, among: tasks, of: id) }
      situation.narrow(to: task)
    }
    return Explanation(situation)
  }

  /// A file that has been claimed is explained by its run.
  private func find(_ reading: Reading) throws -> WorkflowID {
    if let file = fileName, let claimed = try reading.latest(file: file.bytes) { return claimed }
    do throws(Failure) { return try reading.resolve(name) } catch  where error.code == .notFound { throw missing }
  }

  private var missing: Failure { Failure(.notFound, subject: name, message: "no such run, and no such file in spool/") }

  private func show(_ explanation: Explanation, _ site: Site) {
    let places = explanation.ending?.failure.map { self.places(of: $0, explanation.run, site) } ?? []
    if output.json { return Output.json { explanation.write(to: &$0, output: places) } }
    let reason = explanation.ending?.reason.map { ": \(Terminal.printable($0))" } ?? ""
    Output.line("\(explanation.run) \(explanation.state.rawValue)\(reason)")
    for cause in explanation.causes { Output.line("  \(cause.sentence(at: explanation.now))") }
    if let ending = explanation.ending { show(ending, places) }
    for task in explanation.tasks.prefix(Self.shown) { show(task, explanation.now) }
    if explanation.tasks.count > Self.shown {
      Output.line("… and \(explanation.tasks.count - Self.shown) more tasks; --json has them all")
    }
  }

  private func show(_ task: Explanation.Task, _ now: Timestamp) {
    let reason = task.reason.map { ": \(Terminal.printable($0))" } ?? ""
    Output.line("\(task.id) \(task.state.rawValue)\(reason)")
    for cause in task.causes { Output.line("  \(Terminal.printable(cause.sentence(at: now)))") }
    switch task.earliest {
    case .runs: break
    case .at(let time): Output.line("  earliest start: \(time > now ? time.told(at: now) : "now")")
    case .unknown: Output.line("  earliest start: unknown")
    }
  }

  private func show(_ ending: Explanation.Ending, _ places: [String]) {
    if let finished = ending.finishedAt { Output.line("  ended at \(finished.rfc3339)") }
    Message.show(ending.errors)
    guard let failure = ending.failure else { return }
    let reason = failure.reason.map { ": \(Terminal.printable($0))" } ?? ""
    Output.line("  the first to fail was '\(failure.id)', \(failure.state.rawValue)\(reason)")
    Output.line("  its output: \(places.isEmpty ? "none" : places.joined(separator: ", "))")
  }

  /// The streams in which the task left something.
  private func places(of failure: Explanation.FailedTask, _ run: WorkflowID, _ site: Site) -> [String] {
    let key = AttemptKey(workflow: run, task: failure.id, number: failure.attempt)
    let folder = RunDirectory(run, in: site.home.runs).attempt(key)
    return ["stderr", "stdout"].map { "\(folder)/\($0)" }.filter { access($0, F_OK) == 0 }
  }
}
