import ArgumentParser
import AstroCore
import AstroRunner

struct ReleaseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "release", abstract: "Let a held run go on.")
  @OptionGroup var home: HomeOption
  @Argument(help: "A run: its identifier, the start of it, or @latest.") var name: String

  func run() throws {
    let site = try home.open()
    let id = try site.resolve(name)
    let isNew = try RunRequests(journal: try site.openJournal(), home: site.home).release(id)
    Output.line("\(id): \(isNew ? "released" : "was not held")")
  }
}
