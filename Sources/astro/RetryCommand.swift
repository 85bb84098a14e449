import ArgumentParser
import AstroCore
import AstroRunner

struct RetryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retry", abstract: "Let an ended run go on: what did not succeed is run again, what did is kept.",
    discussion: """
      The run keeps its identifier, its parameters and its directory; attempts are numbered on, while the workflow's \
      retry: and deadline: count anew. Its file returns to spool/active/ when a runner takes it up. It is not charged to \
      the limit workflow_creation again, and counts in astro_workflows_total once for each time it ends. Exit code 75 \
      while the run is still active, 66 when there is no such run, 64 for one that was rejected.
      """)
  @OptionGroup var target: RunTarget
  @OptionGroup var output: JSONOption
  @Option(help: "This task and all that depends on it, however they ended.") var from: String?
  @Option(help: "This task alone, however it ended.") var only: String?

  func validate() throws {
    if from != nil, only != nil { throw ValidationError("--from and --only exclude each other") }
  }

  func run() throws {
    let (id, requests) = try target.open()
    let selection = from.map { RetrySelection.from($0) } ?? only.map { .only($0) } ?? .unfinished
    let retried = try requests.retry(id, selection)
    guard output.json else {
      return Output.line("\(id): \(retried.tasks.count) of \(retried.tasks.count + retried.kept) tasks run again")
    }
    Output.json { writer in
      writer.beginObject()
      writer.member("workflow_id", id.text)
      writer.member("state", RunState.queued.rawValue)
      writer.member("tasks", .list(retried.tasks.map { .string($0) }))
      writer.member("kept", retried.kept)
      writer.endObject()
    }
  }
}
