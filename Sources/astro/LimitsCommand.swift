import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroRunner

struct LimitsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "limits", abstract: "The rate limits.", subcommands: [Show.self, Clear.self],
    defaultSubcommand: Show.self)

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "What is used and what is left.")
    @OptionGroup var home: HomeOption
    @OptionGroup var output: JSONOption

    func run() throws {
      let site = try home.open()
      let states = try site.read { try $0.limitStates() } ?? []
      let rows = RateLimits(configured: site.configuration.system.limits)
        .statistics(of: states, bootID: site.bootID, at: site.clock.now())
      guard !output.json else {
        return Output.json { writer in
          writer.beginArray()
          for row in rows { row.write(to: &writer) }
          writer.endArray()
        }
      }
      guard !rows.isEmpty else { return Message.note("no limit is in use: nothing was granted in the last windows") }
      Output.table(
        ["LIMITER", "KEY", "USED", "LEFT", "LIMIT", "RESET IN"],
        rows.map {
          [
            $0.limiter, $0.key, String($0.requestsInWindow), String($0.remaining),
            "\($0.maxRequests)/\(Notation.spell($0.window))", Notation.spell($0.resetIn),
          ]
        })
    }
  }

  struct Clear: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Forget what was granted.")
    @OptionGroup var home: HomeOption
    @Argument(help: "Only this limiter.") var limiter: String?
    @Argument(help: "Only this key of it.") var key: String?

    func run() throws {
      let site = try home.open()
      let count = try RateLimits(configured: site.configuration.system.limits)
        .clear(limiter, key: key, on: try site.openJournal())
      Bell.ring(runners: site.home.runners)
      Output.line("\(count) cleared")
    }
  }
}
