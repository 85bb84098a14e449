import AstroConfiguration
import AstroCore
import AstroRunner

extension DoctorCommand {
  func rebuild() throws {
    let site = try home.open()
    let report = try JournalRebuild(
      home: site.home, configuration: site.configuration, bootID: site.bootID, clock: site.clock
    ).perform()
    if output.json { return Output.json { report.write(to: &$0) } }
    for line in report.lines { Output.line(Terminal.printable(line)) }
    Message.note(
      report.isFinishing
        ? "\(report.setAside)/report.json says what was restored" : "go on with: astro drain, or astro watch")
  }
}

extension RebuildReport {
  /// For people, what matters most last.
  var lines: [String] {
    var lines = ["damage: \(flaw)"]
    if !setAside.isEmpty { lines.append("the old journal is kept in \(setAside)") }
    guard !isFinishing else { return lines + ["the earlier rebuild is finished"] }
    for run in runs {
      let notes = run.notes.map { "; \($0)" }.joined()
      lines.append("\(run.id): \(run.state.rawValue), from \(run.witnesses.joined(separator: ", "))\(notes)")
    }
    for name in waiting { lines.append("spool/active/\(name): left for the next runner, which takes it") }
    for (source, count) in counters.sorted(by: { $0.key < $1.key }) where count > 0 {
      lines.append("\(count) counters go on from \(source)")
    }
    for limit in exhausted { lines.append("limit \(limit): taken as used up from now on") }
    for sentence in missing { lines.append("not restored: \(sentence)") }
    let rejected = count { $0 == .rejected }
    let going = count { !$0.isTerminal }
    return lines + [
      "restored \(runs.count) runs: \(runs.count - rejected - going) ended, \(going) go on, \(rejected) rejected"
    ]
  }
}
