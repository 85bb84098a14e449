import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroRunner
import AstroSpool

struct CancelCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel", abstract: "End runs, or take back submitted files that still wait in the spool.",
    discussion: """
      A run is asked to end: its tasks get TERM, and KILL after their grace; tasks with always() or cancelled() in \
      their if still run. A run whose runner is gone is ended by the next one. Exit code 66 when a run has ended \
      already, when there is none, or when several begin so; the others are cancelled all the same.
      """)
  @OptionGroup var home: HomeOption
  @Argument(help: "Runs: their identifiers, the starts of them, or @latest.") var names: [String]

  func run() throws {
    let site = try home.open()
    var first: Failure?
    for name in names {
      do {
        switch try site.find(name) {
        case .run(let id): try cancel(id, site)
        case .waiting(let id): try withdraw(id, site)
        }
      } catch let failure as Failure {
        Message.error(failure.description)
        first = first ?? failure
      }
    }
    if let first { throw AstroCore.ExitCode(for: first.code) }
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

  private func withdraw(_ id: WorkflowID, _ site: Site) throws {
    let rules = SpoolRules(requireFinalNewline: site.configuration.system.requireFinalNewline)
    let journal = try site.openJournal()
    let spool = try Spool(directory: site.home.spool, rules: rules, clock: site.clock)
    switch try Withdrawal(spool: spool, journal: journal, clock: site.clock).withdraw(id) {
    case .withdrawn: Output.line("\(id): cancelled, it had not started")
    case .taken: try cancel(id, site)
    case .busy: throw Failure(.tryLater, subject: id.text, message: "its file is being written to; try again")
    case .gone:
      throw Failure(.notFound, subject: id.text, message: "was submitted, but its file is not in the spool any more")
    }
  }
}
