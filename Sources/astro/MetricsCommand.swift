import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroRunner
import AstroTelemetry
import CLinux
import Glibc

struct MetricsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "metrics", abstract: "The metrics, as node_exporter's textfile collector takes them.",
    discussion: """
      Prints the metrics file; where there is none yet, a page made from the journal. Says on stderr how old the file is \
      when no runner has renewed it within two intervals.
      """)
  @OptionGroup var home: HomeOption
  @OptionGroup var output: JSONOption

  func run() throws {
    let site = try home.open()
    let page = try FileTail.read(site.home.metrics).map { try checked($0, site) } ?? fresh(site)
    guard output.json else { return Output.bytes(page) }
    let samples = MetricsText.samples(of: page)
    Output.json { writer in
      writer.beginArray()
      for sample in samples {
        writer.beginObject()
        writer.member("name", sample.name)
        writer.member("type", sample.type)
        writer.member("labels", .map(sample.labels.mapValues { .string($0) }))
        writer.member("value", sample.value)
        writer.endObject()
      }
      writer.endArray()
    }
  }

  private func checked(_ page: [UInt8], _ site: Site) throws -> [UInt8] {
    var status = stat()
    guard stat(site.home.metrics, &status) == 0 else { return page }
    let written = Timestamp(
      microseconds: Int64(status.st_mtim.tv_sec) * 1_000_000 + Int64(status.st_mtim.tv_nsec) / 1000)
    let age = site.clock.now().wall - written
    let interval = site.configuration.system.metricsInterval
    if age > interval * 2 {
      Message.note(
        "\(site.home.metrics) is \(Notation.spell(.seconds(age.components.seconds))) old (written every"
          + " \(Notation.spell(interval)) while a runner is at work)")
    }
    return page
  }

  private func fresh(_ site: Site) throws -> [UInt8] {
    let system = site.configuration.system
    let reason = system.metricsEnabled ? "no runner has written it yet" : "metrics_enabled is false"
    Message.note("\(site.home.metrics): \(reason); this page is made from the journal")
    let page = try site.read {
      try MetricsPage.render(
        site.home, site.configuration, journal: $0, version: Astro.version, bootID: site.bootID, clock: site.clock)
    }
    return page ?? MetricsText.render(counters: [:], gauges: [:])
  }
}
