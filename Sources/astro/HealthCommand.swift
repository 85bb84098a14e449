import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroRunner
import AstroTelemetry

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
