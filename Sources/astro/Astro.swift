import ArgumentParser
import AstroCore
import AstroProcess
import AstroYAML
import Glibc

/// The one command. Data goes to stdout, messages to stderr; exit codes are those of ``AstroCore/ExitCode``.
@main
struct Astro: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "astro",
    abstract: "Runs workflows that are copied into a spool directory.",
    discussion: """
      cp workflow.yaml spool/ is the whole interface: a watcher (astro watch) or a pass from cron (astro drain) picks \
      the file up, runs its tasks within the configured limits, and leaves the file in spool/done, failed, cancelled or \
      rejected with a receipt beside it. Everything is files; there is no server.
      """,
    version: version,
    subcommands: [
      InitCommand.self, WatchCommand.self, DrainCommand.self, RunCommand.self, SubmitCommand.self,
      ValidateCommand.self, PlanCommand.self, SchemaCommand.self, StatusCommand.self, ListCommand.self,
      LogsCommand.self, EventsCommand.self, ExplainCommand.self, CancelCommand.self, RetryCommand.self,
      HoldCommand.self, ReleaseCommand.self, LimitsCommand.self, AgentsCommand.self, HealthCommand.self,
      MetricsCommand.self, CleanCommand.self, DoctorCommand.self,
    ])

  static let version = "0.1.0"

  /// Whatever the parent ignored or blocked (both are inherited): Ctrl-C ends a verb, and a closed pipe
  /// (astro list | head) ends it quietly. The runner answers signals in its own way, where it matters.
  private static func takeSignalsAsUsual() {
    signal(SIGPIPE, SIG_DFL)
    var mask = sigset_t()
    sigemptyset(&mask)
    for number in [SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM] { sigaddset(&mask, number) }
    pthread_sigmask(SIG_UNBLOCK, &mask, nil)
  }

  static func main() {
    // Not a verb for people: the runner starts itself again as its warden.
    let arguments = CommandLine.arguments
    if arguments.count > 1, arguments[1] == "warden" {
      Glibc.exit(Warden.main(arguments: Array(arguments.dropFirst(2))))
    }
    takeSignalsAsUsual()
    refuseUnknownVerb(arguments)
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let failure as Failure {
      Message.error(failure.description)
      Glibc.exit(AstroCore.ExitCode(for: failure.code).rawValue)
    } catch let code as AstroCore.ExitCode {
      Glibc.exit(code.rawValue)
    } catch {
      exit(withError: error)
    }
  }

  /// Says which verb was probably meant; the parser would only call it an unexpected argument.
  private static func refuseUnknownVerb(_ arguments: [String]) {
    let verbs = configuration.subcommands.compactMap { $0.configuration.commandName } + ["help"]
    guard arguments.count > 1, !arguments[1].hasPrefix("-"), !verbs.contains(arguments[1]) else { return }
    let guess = NearestWord.of(arguments[1], among: verbs).map { "did you mean '\($0)'? " } ?? ""
    Message.error("there is no verb '\(arguments[1])'; \(guess)astro --help lists them")
    Glibc.exit(AstroCore.ExitCode.usage.rawValue)
  }
}

extension AstroCore.ExitCode: Error {}
