import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroRunner

struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List runs, newest first.",
    discussion: "Files that wait in the spool are not runs yet: astro status shows them.")
  @OptionGroup var home: HomeOption
  @OptionGroup var output: JSONOption
  @Option(name: .shortAndLong, help: "Only runs in this state; may be given again.") var state: [RunStateArgument] = []
  @Option(name: .shortAndLong, help: "Only runs of this user.") var user: String?
  @Option(name: .shortAndLong, help: "At most so many.") var limit = 100

  func validate() throws {
    guard limit > 0 else { throw ValidationError("--limit takes a number above 0, got \(limit)") }
  }

  func run() throws {
    let site = try home.open()
    let states = Set(state.map(\.state))
    let items =
      try site.read { reading in
        try reading.runs(states: states, user: user, limit: limit).map {
          Item(run: $0, counts: try reading.taskCounts(of: $0.id))
        }
      } ?? []
    guard !output.json else {
      return Output.json { writer in
        writer.beginArray()
        for item in items { item.write(to: &writer) }
        writer.endArray()
      }
    }
    guard !items.isEmpty else {
      return Message.note(
        states.isEmpty && user == nil ? "no run yet: cp workflow.yaml \(site.home.spool)/" : "no run matches")
    }
    Output.table(["RUN", "STATE", "USER", "CLAIMED", "TOOK", "TASKS", "REASON"], items.map(\.row))
  }

  private struct Item {
    let run: RunRecord
    let counts: [TaskState: Int]

    var row: [String] {
      [
        run.id.text, run.state.rawValue, run.user, run.claimedAt.rfc3339, run.duration.map(Notation.spell) ?? "",
        tasks, run.shownReason,
      ]
    }

    /// `3 succeeded, 1 failed`.
    private var tasks: String {
      TaskState.allCases.compactMap { state in counts[state].map { "\($0) \(state.rawValue)" } }.joined(separator: ", ")
    }

    func write(to writer: inout JSONWriter) {
      writer.beginObject()
      run.writeMembers(to: &writer)
      writer.key("tasks")
      writer.beginObject()
      for state in TaskState.allCases { writer.member(state.rawValue, ifPresent: counts[state]) }
      writer.endObject()
      writer.endObject()
    }
  }
}

/// A state of runs on the command line.
struct RunStateArgument: ExpressibleByArgument {
  let state: RunState
  init?(argument: String) {
    guard let state = RunState(rawValue: argument) else { return nil }
    self.state = state
  }
  static var allValueStrings: [String] { RunState.allCases.map(\.rawValue) }
}
