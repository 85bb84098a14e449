import AstroConfiguration
import AstroCore
import AstroJournal
import AstroScheduling
import AstroSpool
import AstroTelemetry

extension Reports {
  /// The page as of now. What it says is the home's, not one runner's: read from the journal and the spool, so that it
  /// is the same whoever writes it.
  func metricsPage(_ runner: Runner, _ now: Moment) throws(Failure) -> [UInt8] {
    var (counters, gauges) = try runner.journal.read { (try $0.series(), try MetricGauges(from: $0)) }
    gauges.add(version: options.version, environment: configuration.system.environment)
    for member in runner.scheduler.agentPool.members {
      gauges.add(agent: member.id, isHealthyHere: runner.scheduler.agentRecord(member.id)?.isHealthy == true)
    }
    gauges.add(parked: runner.scheduler.parked)
    gauges.add(spool: try runner.spool.counts(), at: now.wall)
    gauges.add(limits: try runner.allowances.rates.statistics(on: runner.journal))
    // Each process that runs has one, this one included; those of commands that only read come and go within milliseconds.
    let processes = Set(try WorkingRunner.all(dataDirectory: home.data).map(\.pid))
    gauges.add(connections: max(1, processes.count))
    gauges.addRunner(uptime: .microseconds(now.boot - startedAt.boot), heartbeat: now.wall)
    return MetricsText.render(counters: counters, gauges: gauges.values)
  }
}

/// The compiler this was built with, for `astro_app_info`.
let swiftVersion: String = {
  #if swift(>=6.3)
    "6.3"
  #elseif swift(>=6.2)
    "6.2"
  #else
    "6.1"
  #endif
}()
