import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroRunner

struct CancelCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "cancel", abstract: "Ask for a run to be ended.")
  @OptionGroup var home: HomeOption
  @Argument(help: "A run: its identifier, the start of it, or @latest.") var name: String

  func run() throws {
    let site = try home.open()
    let id = try site.resolve(name)
    let journal = try site.openJournal()
    guard try journal.commit({ try $0.requestCancel(id) }) else {
      throw Failure(.usage, subject: id.text, message: "has ended already")
    }
    Bell.ring(runners: site.home.runners)
    Output.line("\(id): asked to end")
  }
}
