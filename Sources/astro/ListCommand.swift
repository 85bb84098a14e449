import ArgumentParser
import AstroCore
import AstroJournal

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
