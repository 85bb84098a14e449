import ArgumentParser
import AstroCore
import AstroRunner

struct HoldCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hold", abstract: "Start nothing more of a run; what runs of it finishes.",
    discussion: """
      The run keeps its results and stays held, over restarts too, until astro release. Its deadline goes on. A drain \
      leaves it where it is. astro cancel ends a held run. Exit code 66 when there is no such run, or when it has ended.
      """)
  @OptionGroup var target: RunTarget

  func run() throws {
    let (id, requests) = try target.open()
    let isNew = try requests.hold(id)
    Output.line("\(id): \(isNew ? "held" : "is held already"); let it go on with: astro release \(id)")
  }
}

struct ReleaseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "release", abstract: "Let a held run go on.",
    discussion: "Exit code 66 when there is no such run, or when it has ended.")
  @OptionGroup var target: RunTarget

  func run() throws {
    let (id, requests) = try target.open()
    let isNew = try requests.release(id)
    Output.line("\(id): \(isNew ? "released" : "was not held")")
  }
}

/// The one run that a verb asks something of.
struct RunTarget: ParsableArguments {
  @OptionGroup var home: HomeOption
  @Argument(help: "A run: its identifier, the start of it, or @latest.") var name: String

  func open() throws -> (WorkflowID, RunRequests) {
    let site = try home.open()
    let id = try site.resolve(name)
    return (id, RunRequests(journal: try site.openJournal(), home: site.home))
  }
}
