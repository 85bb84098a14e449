import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroRunner
import Glibc

struct EventsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "events", abstract: "What has happened, of all runs or of one.",
    discussion: """
      One event a line: time of day, run, event, task, detail. --json prints the lines of data/events.jsonl as they are. \
      The stream of one run is kept with the run and is whole; that of all runs goes back over one rotation (64 MiB). \
      With -f it goes on until Ctrl-C, or until the run named has ended; --since 0s leaves out what was before.
      """)
  @OptionGroup var home: HomeOption
  @OptionGroup var output: JSONOption
  @Argument(help: "Only this run: its identifier, the start of it, or @latest.") var name: String?
  @Flag(name: .shortAndLong, help: "Go on as more happens.") var follow = false
  @Option(help: "Only from this time on: 2026-11-24T02:00:00Z, 2026-11-24, or how long ago: 10m, 2h.")
  var since: PastTime?

  func run() throws {
    let watch = follow ? FollowWatch() : nil
    let site = try home.open()
    let earliest = since?.value(at: site.clock.now().wall)
    guard let name else {
      let path = site.home.data + "/events.jsonl"
      let file = try GrowingFile(path, predecessor: path + ".1")
      var seen = false
      try file.readLines { seen = print($0, since: earliest) || seen }
      guard let watch else { return seen ? () : Message.note("no events\(since == nil ? " yet" : " since then")") }
      watch.watch(directory: site.home.data, as: .output)
      while true {
        watch.watch(path, as: .output)
        try file.readLines { _ = print($0, since: earliest) }
        _ = try watch.wait()
      }
    }
    try show(try site.resolve(name), site, earliest, watch)
  }

  /// The stream of one run. It has ended when the journal says so and the last line is its end; the line comes a moment
  /// after the journal, and not at all when the runner died in between, hence only one more look.
  private func show(_ id: WorkflowID, _ site: Site, _ earliest: Timestamp?, _ watch: FollowWatch?) throws {
    let file = try GrowingFile(RunDirectory(id, in: site.home.runs).events)
    var seen = false
    var last: String?
    var looks = 0
    while true {
      watch?.watch(file.path, as: .state)
      let isOver = try site.read { try $0.run(id)?.state.isTerminal ?? true } ?? true
      try file.readLines { line in
        seen = print(line, since: earliest) || seen
        last = EventLine(line)?.event ?? last
      }
      if isOver { looks += 1 }
      guard let watch, !isOver || (last != "workflow_ended" && looks < 2) else { break }
      _ = try watch.wait()
    }
    if !seen { Message.note("\(id): no events\(since == nil ? "" : " since then")") }
  }

  /// Whether the line was printed.
  private func print(_ line: ArraySlice<UInt8>, since earliest: Timestamp?) -> Bool {
    if output.json, earliest == nil {
      Output.bytes(Array(line) + [0x0A])
      return true
    }
    guard let event = EventLine(line) else {
      if earliest == nil { Output.line(Terminal.printable(String(decoding: line, as: UTF8.self))) }
      return earliest == nil
    }
    if let earliest, event.time < earliest { return false }
    if output.json { Output.bytes(Array(line) + [0x0A]) } else { Output.line(event.text) }
    return true
  }
}

/// A moment in the past on the command line.
struct PastTime: ExpressibleByArgument {
  private enum Form { case at(Timestamp), ago(Duration) }
  private let form: Form

  init?(argument: String) {
    if let time = Timestamp(rfc3339: argument) ?? Timestamp(rfc3339: argument + "T00:00:00Z") {
      form = .at(time)
    } else if let ago = Notation.duration(argument) {
      form = .ago(ago)
    } else {
      return nil
    }
  }

  func value(at now: Timestamp) -> Timestamp {
    switch form {
    case .at(let time): time
    case .ago(let duration): Timestamp(microseconds: now.microseconds - duration.microseconds)
    }
  }
}
