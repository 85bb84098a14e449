import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroLimits
import AstroProcess
import AstroRunner
import AstroTelemetry
import Glibc

struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "list", abstract: "List runs, newest first.")
  @OptionGroup var home: HomeOption
  @OptionGroup var output: JSONOption
  @Option(help: "Only runs in this state.") var state: String?
  @Option(help: "At most so many.") var limit = 100

  func run() throws {
    var states: Set<RunState> = []
    if let state {
      guard let known = RunState(rawValue: state) else {
        throw ValidationError(
          "unknown state '\(state)'; one of: \(RunState.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      states = [known]
    }
    let runs = try home.open().read { try $0.runs(states: states, limit: limit) } ?? []
    guard !output.json else {
      return Output.json { writer in
        writer.beginArray()
        for run in runs {
          writer.beginObject()
          writer.member("workflow_id", run.id.text)
          writer.member("name", run.name)
          writer.member("user_id", run.user)
          writer.member("state", run.state.rawValue)
          writer.member("claimed_at", run.claimedAt.rfc3339)
          writer.member("finished_at", ifPresent: run.finishedAt?.rfc3339)
          writer.endObject()
        }
        writer.endArray()
      }
    }
    Output.table(
      ["RUN", "STATE", "USER", "CLAIMED"],
      runs.map { [$0.id.text, $0.state.rawValue, $0.user, $0.claimedAt.rfc3339] })
  }
}

struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "status", abstract: "One run, with its tasks.")
  @OptionGroup var home: HomeOption
  @OptionGroup var output: JSONOption
  @Argument(help: "A run: its identifier, the start of it, or @latest.") var name = "@latest"

  func run() throws {
    let site = try home.open()
    let id = try site.resolve(name)
    guard let report = try site.read({ try RunReport(id, in: $0, runs: site.home.runs) })?.flatMap({ $0 }) else {
      throw Failure(.notFound, subject: name, message: "no such run")
    }
    if output.json { return Output.bytes(report.json) }
    Output.line("\(id) \(report.run.state.rawValue)\(report.run.reason.map { ": \($0)" } ?? "")")
    Output.table(
      ["TASK", "STATE", "ATTEMPTS", "REASON"],
      report.tasks.map { [$0.task, $0.state.rawValue, String($0.attempts), $0.reason ?? ""] })
  }
}

struct CancelCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "cancel", abstract: "Ask for a run to be ended.")
  @OptionGroup var home: HomeOption
  @Argument(help: "A run: its identifier, the start of it, or @latest.") var name: String

  func run() throws {
    let site = try home.open()
    let id = try site.resolve(name)
    let journal = try site.openJournal()
    guard try journal.commit({ try $0.requestCancel(id) }) else {
      throw Failure(.usage, subject: id.text, message: "has ended already")
    }
    Bell.ring(runners: site.home.runners)
    Output.line("\(id): asked to end")
  }
}

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
      Output.line("\(count) cleared")
    }
  }
}

struct HealthCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "health", abstract: "Read the health file; exit 0 or 1, as a probe does.")
  @OptionGroup var home: HomeOption
  @Argument(help: "live, ready or startup; the summary without.") var probe = "summary"

  func run() throws {
    guard let question = HealthProbe.Question(rawValue: probe) else {
      throw ValidationError("unknown probe '\(probe)'")
    }
    let site = try home.open()
    let answer = HealthProbe(reading: site.home.health).answer(question, at: site.clock.now().wall)
    Output.bytes(answer.json)
    if answer.exitCode != .ok { throw answer.exitCode }
  }
}
