import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroRunner
import AstroSpool
import Glibc

struct CleanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "clean", abstract: "Remove ended runs that are older than the retention.",
    discussion: """
      A run goes whole: its directory, its file and receipt in spool/, its rows in the journal. Failed and rejected runs \
      are kept for retention.keep_failed, all others for retention.keep. Runs that are active never go. A watcher does \
      this once a day by itself, and so does a drain.
      """)
  @OptionGroup var home: HomeOption
  @OptionGroup var output: JSONOption
  @Option(help: "Instead of the configured retention: 30d, 12h.") var olderThan: DurationArgument?
  @Flag(help: "Only show what would go.") var dryRun = false

  func run() throws {
    let site = try home.open()
    var retention = Retention(site.configuration.system)
    if let age = olderThan?.value { retention = Retention(keep: age, keepFailed: age) }
    site.home.makeDirectories()
    let spool = try Spool(
      directory: site.home.spool, rules: SpoolRules(), clock: site.clock)
    try spool.take(for: site.home.data)
    let cleaning = try Cleaning(
      journal: try site.openJournal(), spool: spool, runs: site.home.runs, retention: retention)
    if dryRun { return show(try cleaning.preview()) }
    while try !cleaning.step() {}
    show(cleaning.summary)
    if let failure = cleaning.summary.removed.leftovers.first { throw AstroCore.ExitCode(for: failure.code) }
  }

  private func show(_ summary: Cleaning.Summary) {
    for failure in summary.removed.leftovers { Message.error(failure.description) }
    if output.json { return Output.json { write(summary, to: &$0) } }
    let verb = dryRun ? "would remove" : "removed"
    for run in summary.runs { Output.line("\(verb) \(run)") }
    for orphan in summary.orphans { Output.line("\(verb) \(orphan), which no run in the journal has") }
    for run in summary.unexplained {
      Output.line("left \(run): the journal does not know it, and no receipt says that it ended")
    }
    for stranger in summary.strangers { Output.line("left data/runs/\(stranger): not a name of ours") }
    var total = "\(summary.runs.count + summary.orphans.count) run(s)"
    if !dryRun { total += ", \(summary.removed.names) files and directories, \(Self.size(summary.removed.bytes))" }
    Output.line("\(verb) \(total)")
  }

  private func write(_ summary: Cleaning.Summary, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("dry_run", dryRun)
    writer.member("runs", .list(summary.runs.map { .string($0.text) }))
    writer.member("orphans", .list(summary.orphans.map { .string($0.text) }))
    writer.member("unexplained", .list(summary.unexplained.map { .string($0.text) }))
    writer.member("strangers", .list(summary.strangers.map { .string($0) }))
    if !dryRun {
      writer.member("temporaries", summary.temporaries)
      writer.member("names", summary.removed.names)
      writer.member("bytes", summary.removed.bytes)
      writer.member("leftovers", .list(summary.removed.leftovers.map { .string($0.description) }))
    }
    writer.endObject()
  }

  private static func size(_ bytes: Int64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"]
    guard bytes >= 1024 else { return "\(bytes) bytes" }
    var tenths = bytes * 10 / 1024
    var unit = 0
    while tenths >= 10_240, unit < units.count - 1 {
      tenths /= 1024
      unit += 1
    }
    return "\(tenths / 10).\(tenths % 10) \(units[unit])"
  }
}
