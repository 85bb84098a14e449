import ArgumentParser
import AstroCore
import AstroRunner

struct HoldCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hold", abstract: "Start nothing more of a run; what runs of it finishes.",
    discussion: """
      The run keeps its results and stays held, over restarts too, until astro release. Its deadline goes on. A drain \
      leaves it where it is. astro cancel ends a held run.
      """)
  @OptionGroup var home: HomeOption
  @Argument(help: "A run: its identifier, the start of it, or @latest.") var name: String

  func run() throws {
    let site = try home.open()
    let id = try site.resolve(name)
    let isNew = try RunRequests(journal: try site.openJournal(), home: site.home).hold(id)
    Output.line("\(id): \(isNew ? "held" : "is held already"); let it go on with: astro release \(id)")
  }
}
