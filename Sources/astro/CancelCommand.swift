import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroRunner
import AstroSpool

struct CancelCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel", abstract: "End runs, or take back files that still wait in the spool.",
    discussion: """
      A run is asked to end: its tasks get TERM, and KILL after their grace; tasks with always() or cancelled() in \
      their if still run. A run whose runner is gone is ended by the next one. A file that no runner has taken goes to \
      spool/cancelled with its receipt. Exit code 66 when a run has ended already, when there is none, or when \
      several begin so; the others are cancelled all the same.
      """)
  @OptionGroup var home: HomeOption
  @Argument(help: "Runs (their identifiers, the starts of them, or @latest), or files in spool/.") var names: [String]

  func run() throws {
    let site = try home.open()
    var first: Failure?
    for name in names {
      do {
        try cancel(name, site)
      } catch let failure as Failure {
        Message.error(failure.description)
        first = first ?? failure
      }
    }
    if let first { throw AstroCore.ExitCode(for: first.code) }
  }

  private func cancel(_ name: String, _ site: Site) throws {
    if let file = site.spoolFile(name), case .candidate = SpoolEntry(name: file).kind { return try cancel(file, site) }
    switch try site.find(name) {
    case .run(let id): try cancel(id, site)
    case .waiting(let id): try cancel(waiting: id, site)
    }
  }

  private func cancel(_ id: WorkflowID, _ site: Site) throws {
    let journal = try site.openJournal()
    let run = try journal.commit { transaction in
      try transaction.requestCancel(id)
      return try transaction.reading.run(id)
    }
    guard let run else { throw Failure(.notFound, subject: id.text, message: "no such run") }
    guard !run.state.isTerminal else {
      let when = run.finishedAt.map { " at \($0.rfc3339)" } ?? ""
      throw Failure(.notFound, subject: id.text, message: "has ended already: \(run.state.rawValue)\(when)")
    }
    Bell.ring(runners: site.home.runners)
    Output.line("\(id): asked to end")
    if !WorkingRunner.isAlive(run.owner, dataDirectory: site.home.data) {
      Message.note("\(id): its runner is gone; it ends when astro watch or astro drain takes it over")
    }
  }

  /// - Parameter withdraw: takes the file back.
  private func takeBack(
    _ name: String, _ site: Site, _ withdraw: (Withdrawal) throws(Failure) -> Withdrawal.Outcome
  ) throws -> Withdrawal.Outcome {
    let rules = SpoolRules(requireFinalNewline: site.configuration.system.requireFinalNewline)
    let spool = try Spool(directory: site.home.spool, rules: rules, clock: site.clock)
    let outcome = try withdraw(
      Withdrawal(
        spool: spool, journal: try site.openJournal(), examiner: Examiner(site.configuration), clock: site.clock))
    switch outcome {
    case .withdrawn(let id): Output.line("\(id): cancelled, it had not started")
    case .busy(.beingWritten), .busy(.resting):
      throw Failure(.tryLater, subject: name, message: "its file is being written to; try again")
    case .busy(.noFinalNewline), .busy(.empty), .busy(.unsettled):
      throw Failure(.tryLater, subject: name, message: "its file is not whole; remove it, or try again when it is")
    case .busy(.unreadable):
      throw Failure(.tryLater, subject: name, message: "its file cannot be read at the moment; try again")
    case .refused(let why):
      throw Failure(.usage, subject: name, message: "cannot become a run, a runner will reject it: \(why)")
    case .taken, .gone: break
    }
    return outcome
  }

  private func cancel(_ file: FileName, _ site: Site) throws {
    let outcome = try takeBack(file.printable, site) { withdrawal throws(Failure) in try withdrawal.withdraw(file) }
    guard outcome == .gone || outcome == .taken else { return }
    throw Failure(
      .notFound, subject: file.printable, message: "was taken by a runner just now; astro list shows its run")
  }

  private func cancel(waiting id: WorkflowID, _ site: Site) throws {
    switch try takeBack(id.text, site, { withdrawal throws(Failure) in try withdrawal.withdraw(id) }) {
    case .taken: try cancel(id, site)
    case .gone:
      throw Failure(.notFound, subject: id.text, message: "was submitted, but its file is not in the spool any more")
    case .withdrawn, .busy, .refused: break
    }
  }
}
