import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroRunner

struct LimitsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "limits", abstract: "The rate limits.",
    discussion: """
      workflow_creation counts files that become runs, task_submission attempts of tasks that start, api_calls requests \
      that agents send themselves, each for its user; provider is what a provider said of its own limits: until when it \
      lets nothing through; how much it does is unknown, null in JSON. The others are the windows of limits: in \
      config/system_config.yaml; who waits for a place of one (concurrent) is said by astro explain.
      """, subcommands: [Show.self, Clear.self],
    defaultSubcommand: Show.self)

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show", abstract: "What is used, what is left, and who waits.",
      discussion: """
        Waiting are, for workflow_creation, the files in spool/ that it holds back (of a long queue the oldest 1000 are \
        looked at), since they were last written; for task_submission the tasks of all runs at work that are ready to \
        start, since they were ready. Limits that nothing has used within their window, and nobody waits for, are not \
        listed.
        """)
    @OptionGroup var home: HomeOption
    @OptionGroup var output: JSONOption

    func run() throws {
      let site = try home.open()
      let now = site.clock.now()
      func overview(_ reading: Reading?) throws -> LimitOverview {
        try LimitOverview(site.home, site.configuration, reading, bootID: site.bootID, at: now)
      }
      let rows = try (site.read { try overview($0) } ?? overview(nil)).rows
      guard !output.json else {
        return Output.json { writer in
          writer.beginArray()
          for row in rows { row.write(to: &writer) }
          writer.endArray()
        }
      }
      guard !rows.isEmpty else { return Message.note("no limit is in use: nothing was granted in the last windows") }
      Output.table(
        ["LIMITER", "KEY", "USED", "LEFT", "LIMIT", "RESET IN", "WAITING", "LONGEST"],
        rows.map {
          [
            $0.limiter, $0.key, $0.spell($0.requestsInWindow), $0.spell($0.remaining), $0.grants,
            Notation.spell($0.resetIn), String($0.waiting),
            $0.waiting > 0 ? Notation.spell($0.oldestWait) : "",
          ]
        })
    }
  }

  struct Clear: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "clear", abstract: "Forget what was granted.",
      discussion: "Exit code 66 when there is no such limit.")
    @OptionGroup var home: HomeOption
    @Argument(help: "Only this limit.") var limiter: String?
    @Argument(help: "Only this key of it.") var key: String?

    func run() throws {
      let site = try home.open()
      let count = try RateLimits(configured: site.configuration.limiters(at: SystemClock().now().wall))
        .clear(limiter, key: key, on: try site.openJournal())
      Bell.ring(runners: site.home.runners)
      Output.line("\(count) cleared")
    }
  }
}

extension RateLimitStatistics {
  /// How much in what time.
  fileprivate var grants: String { spell(maxRequests) + (window.map { "/\(Notation.spell($0))" } ?? "") }

  /// An amount as the limit counts: money in USD.
  fileprivate func spell(_ amount: Int64?) -> String {
    guard let amount else { return "unknown" }
    return limiter.hasSuffix("/\(LimitPlace.Dimension.spend.rawValue)")
      ? Money(picodollars: amount).spelled : String(amount)
  }
}
