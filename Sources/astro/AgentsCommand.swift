import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroRunner
import AstroTelemetry

struct AgentsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "agents", abstract: "The agents: what they do, how loaded and how reliable they are.",
    discussion: """
      An agent whose infrastructure failed 3 times in a row is unhealthy and gets no work until a probe succeeds; a \
      runner probes it by itself, --probe does it now. One whose key is used up waits 5 minutes, then ever longer, up to an \
      hour; --probe ends that. The reliability is a decayed share of successes, from 0 to 1.
      """)
  @OptionGroup var home: HomeOption
  @OptionGroup var output: JSONOption
  @Flag(help: "Ask each agent now whether it can take work, and record the answer; exit 69 when one cannot.")
  var probe = false

  func run() throws {
    let site = try home.open()
    if probe {
      try AgentOverview.probe(
        site.configuration, home: site.home, environment: site.environment, executable: Site.executable,
        clock: site.clock, recordIn: try site.openJournal())
      Bell.ring(runners: site.home.runners)
    }
    let rows =
      try site.read { try AgentOverview(site.configuration, in: $0) }?.rows ?? AgentOverview(site.configuration).rows
    if output.json { Output.json { Self.write(rows, to: &$0) } } else { Self.show(rows) }
    if probe, rows.contains(where: { !$0.status.isHealthy }) { throw AstroCore.ExitCode.unavailable }
  }

  private static func show(_ rows: [AgentOverview.Row]) {
    Output.table(
      ["AGENT", "TYPE", "STATUS", "LOAD", "RELIABILITY", "LAST ERROR", "CAPABILITIES"],
      rows.map { row in
        [
          row.id, row.kind, row.status.rawValue, "\(row.running)/\(row.maxConcurrent.map(String.init) ?? "-")",
          thousandths(row.reliability), row.lastError ?? "-", row.capabilities.joined(separator: ", "),
        ]
      })
  }

  private static func write(_ rows: [AgentOverview.Row], to writer: inout JSONWriter) {
    writer.beginArray()
    for row in rows {
      writer.beginObject()
      writer.member("agent_id", row.id)
      writer.member("type", row.kind)
      writer.member("status", row.status.rawValue)
      writer.member("running", row.running)
      writer.member("max_concurrent", row.maxConcurrent.map { .integer(Int64($0)) } ?? .null)
      writer.member("reliability", (row.reliability * 1000).rounded() / 1000)
      writer.member("last_error", row.lastError.map { .string($0) } ?? .null)
      writer.member("capabilities", .list(row.capabilities.map { .string($0) }))
      writer.endObject()
    }
    writer.endArray()
  }

  /// `0.987`: three decimals, as the metrics round it for people.
  static func thousandths(_ value: Double) -> String {
    let number = Int((value * 1000).rounded())
    let digits = String(number % 1000)
    return "\(number / 1000).\(String(repeating: "0", count: 3 - digits.count))\(digits)"
  }
}
