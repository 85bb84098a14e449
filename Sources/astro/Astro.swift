import ArgumentParser
import AstroCore
import AstroProcess
import AstroSandbox
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
      rejected with a receipt beside it. Everything is files; there is no server. Verbs take --home DIR, which may also \
      stand before them.
      """,
    version: version,
    subcommands: [
      InitCommand.self, WatchCommand.self, DrainCommand.self, RunCommand.self, SubmitCommand.self,
      ValidateCommand.self, PlanCommand.self, SchemaCommand.self, StatusCommand.self, ListCommand.self,
      LogsCommand.self, EventsCommand.self, ExplainCommand.self, CancelCommand.self, RetryCommand.self,
      HoldCommand.self, ReleaseCommand.self, LimitsCommand.self, AgentsCommand.self, ModelsCommand.self,
      HealthCommand.self,
      MetricsCommand.self, CleanCommand.self, DoctorCommand.self,
    ])

  static let version = "0.1.0"

  /// What the caller's umask was, for the tasks. From the first look at it on this process makes files for its own user
  /// alone; those that others may read have their modes set.
  static let callerUmask = umask(0o077)

  /// Whatever the parent ignored or blocked (both are inherited): Ctrl-C ends a verb, and a closed pipe
  /// (astro list | head) ends it quietly. The runner answers signals in its own way, where it matters.
  private static func takeSignalsAsUsual() {
    signal(SIGPIPE, SIG_DFL)
    var mask = sigset_t()
    sigemptyset(&mask)
    for number in [SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM] { sigaddset(&mask, number) }
    pthread_sigmask(SIG_UNBLOCK, &mask, nil)
  }

  /// A file opened as 0, 1 or 2 would get what is printed: whatever the parent left closed goes nowhere instead.
  private static func openStandardStreams() {
    for stream: Int32 in 0...2 where fcntl(stream, F_GETFD) < 0 { _ = open("/dev/null", O_RDWR) }
  }

  /// Swift would repair them silently, and something else would be run than was asked for.
  private static func requireText() {
    for (index, argument) in UnsafeBufferPointer(start: CommandLine.unsafeArgv, count: Int(CommandLine.argc))
      .enumerated()
    {
      guard let argument, String(validatingCString: argument) == nil else { continue }
      Message.error("argument \(index) is not valid UTF-8: \(Terminal.printable(String(cString: argument)))")
      Glibc.exit(AstroCore.ExitCode.usage.rawValue)
    }
  }

  static func main() {
    openStandardStreams()
    requireText()
    // Not verbs for people: the runner starts itself again as its warden, and as the keeper of a tool's server.
    let arguments = CommandLine.arguments
    switch arguments.dropFirst().first {
    case "warden": Glibc.exit(Warden.main(arguments: Array(arguments.dropFirst(2))))
    case "keeper": Glibc.exit(Keeper.main(arguments: Array(arguments.dropFirst(2))))
    default: break
    }
    // Nor this one: the warden starts it to become, or to watch over, a sandbox.
    if arguments.count > 1, arguments[1] == Sandbox.verb {
      Glibc.exit(Sandbox.main(arguments: Array(arguments.dropFirst(2)), environment: Site.readEnvironment()))
    }
    _ = callerUmask
    takeSignalsAsUsual()
    leave(with: perform(withHomeBehindTheVerb(Array(arguments.dropFirst()))))
  }

  /// - Returns: the exit code.
  private static func perform(_ arguments: [String]) -> Int32 {
    do {
      try refuseUnknownVerb(arguments)
      var command = try parseAsRoot(arguments)
      try command.run()
      return AstroCore.ExitCode.ok.rawValue
    } catch let failure as Failure {
      Message.error(failure.description)
      return AstroCore.ExitCode(for: failure.code).rawValue
    } catch let code as AstroCore.ExitCode {
      return code.rawValue
    } catch {
      // Help and version, or what is wrong with the arguments.
      let code = exitCode(for: error)
      let text = fullMessage(for: error)
      if code.isSuccess { Output.line(text) } else { Message.lines(text) }
      return code.rawValue
    }
  }

  /// Nobody is told that all went well when the output is not whole: a reader that has left ends us as it ends any
  /// program, by SIGPIPE.
  private static func leave(with code: Int32) -> Never {
    guard let problem = Output.failure else { Glibc.exit(code) }
    if problem == EPIPE {
      guard code == AstroCore.ExitCode.ok.rawValue else { Glibc.exit(code) }
      signal(SIGPIPE, SIG_DFL)
      raise(SIGPIPE)
    }
    let failure = Failure(
      .io, subject: "stdout", message: "cannot be written", errno: problem, reason: String(cString: strerror(problem)))
    Message.error(failure.description)
    Glibc.exit(code == AstroCore.ExitCode.ok.rawValue ? AstroCore.ExitCode(for: failure.code).rawValue : code)
  }

  /// `--home` is an option of the verbs. Before the verb, where other programs have such an option, it means the same.
  private static func withHomeBehindTheVerb(_ arguments: [String]) -> [String] {
    let length = arguments.first == "--home" ? 2 : arguments.first?.hasPrefix("--home=") == true ? 1 : 0
    var rest = arguments.dropFirst(length)
    guard length > 0, !rest.isEmpty else { return arguments }
    var path: [String] = []
    var command: any ParsableCommand.Type = Self.self
    while let next = command.configuration.subcommands.first(where: { $0.configuration.commandName == rest.first }) {
      path.append(rest.removeFirst())
      command = next
    }
    return path.isEmpty ? Array(rest) : path + arguments.prefix(length) + rest
  }

  /// Says which verb was probably meant; the parser would only call it an unexpected argument.
  private static func refuseUnknownVerb(_ arguments: [String]) throws(AstroCore.ExitCode) {
    let verbs = configuration.subcommands.compactMap { $0.configuration.commandName } + ["help"]
    guard let verb = arguments.first, !verb.hasPrefix("-"), !verbs.contains(verb) else { return }
    let guess = NearestWord.of(verb, among: verbs).map { "did you mean '\($0)'? " } ?? ""
    Message.error("there is no verb '\(verb)'; \(guess)astro --help lists them")
    throw .usage
  }
}

extension AstroCore.ExitCode: Error {}
