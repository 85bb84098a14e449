import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroRunner
import AstroTelemetry

struct HealthCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "health", abstract: "Read the health file; exit 0 or 1, as a probe does.",
    discussion: """
      Without a probe the summary, with all checks: exit 0 only when every one is healthy.
        live     a runner renews the file in time (after astro drain: within a day)
        ready    work that arrives now would be done
        startup  the runner has started
      Prints one JSON object. Reads data/health.json and nothing else: it asks no runner and never waits.
      """)
  @OptionGroup var home: HomeOption
  @Argument(
    help: "live, ready or startup; the summary without.",
    transform: { word in
      guard let question = HealthProbe.Question(rawValue: word) else {
        throw ValidationError("unknown probe '\(word)'; one of: live, ready, startup")
      }
      return question
    }) var probe: HealthProbe.Question = .summary

  func run() throws {
    let answer = HealthProbe(reading: try file()).answer(probe, at: SystemClock().now().wall)
    Output.bytes(answer.json)
    if answer.exitCode != .ok { throw answer.exitCode }
  }

  /// A configuration that cannot be read any more says nothing about the runner, which goes on under the one it has read:
  /// then the file is looked for where it is unless configured otherwise.
  private func file() throws -> String {
    let root = try home.locate()
    let configuration = try? Configuration.load(home: root, environment: Site.readEnvironment())
    return Home(root: root, system: configuration?.system ?? SystemConfiguration()).health
  }
}
