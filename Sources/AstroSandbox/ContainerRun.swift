import AstroCore
import CLinux
import Glibc

/// Code in a container of podman or docker. The engine's client is only a client: killing it leaves the container running, so this
/// process stays beside it, and removes the container whatever happens to either of them. What happens to this process itself is made good by
/// whoever finds the ``ContainerRecord``.
struct ContainerRun: ~Copyable {
  private let command: ContainerCommand
  private let order: SandboxOrder
  private let record: ContainerRecord
  private let environment: [String: String]
  private let sources: SandboxSources

  init(
    _ engine: SandboxRules.Engine, _ path: String, _ order: SandboxOrder, _ language: CodeLanguage,
    _ sources: consuming SandboxSources, _ environment: [String: String]
  ) throws(SandboxRefusal) {
    record = try ContainerRecord(for: order.folder, program: path)
    command = ContainerCommand(engine: engine, program: path, order: order, language: language, name: record.name)
    self.order = order
    self.environment = environment
    self.sources = sources
  }

  /// - Returns: the exit code of the code; it may end by a signal instead, as the code was to.
  consuming func run() throws(SandboxRefusal) -> Int32 {
    let parent = getppid()
    defer { unlink(command.codeFile) }
    try command.writeCode()
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGCHLD, SIGTERM, SIGINT, SIGHUP] { sigaddset(&signals, number) }
    // Before the client: whatever comes from here on is heard.
    sigprocmask(SIG_BLOCK, &signals, nil)
    guard clinux_end_with_parent(SIGTERM, parent) == 0 else {
      unlink(record.path)
      throw SandboxRefusal("whoever started this is gone")
    }
    let client = try startClient()
    while true {
      var information = siginfo_t()
      let number = sigwaitinfo(&signals, &information)
      if number == SIGCHLD {
        var status: Int32 = 0
        guard waitpid(client, &status, WNOHANG) == client else { continue }
        guard status & 0x7F == 0 else {
          // Somebody killed the client: the code may have done half of its work, and is not done again unasked.
          record.remove(environment: environment)
          return 128 + status & 0x7F
        }
        return try finish(status >> 8 & 0xFF)
      }
      guard number > 0 else { continue }
      stop(client, number)
    }
  }

  private func startClient() throws(SandboxRefusal) -> pid_t {
    var streams = SpawnActions()
    let input = order.input.flatMap { $0.isEmpty ? nil : Array($0.utf8) }
    let file = input.map { $0.withUnsafeBytes { clinux_memory_file($0.baseAddress, $0.count) } } ?? -1
    defer { if file >= 0 { close(file) } }
    if file >= 0 { streams.duplicate(file, as: 0) } else { streams.open("/dev/null", as: 0) }
    for stream: Int32 in 1...2 { streams.duplicate(stream, as: stream) }
    let pid = streams.spawn(try command.words, command.environment(environment))
    guard pid > 0 else {
      let problem = errno
      unlink(record.path)
      throw SandboxRefusal("\(command.program) cannot be run: \(String(cString: strerror(problem)))")
    }
    return pid
  }

  /// Code that is to end ends at once: as the first process of a container it would not hear of SIGTERM.
  private func stop(_ client: pid_t, _ signal: Int32) -> Never {
    kill(-client, SIGKILL)
    _ = ShortProgram.reap(client)
    record.remove(environment: environment)
    unlink(command.codeFile)
    Glibc.signal(signal, SIG_DFL)
    var none = sigset_t()
    sigemptyset(&none)
    sigprocmask(SIG_SETMASK, &none, nil)
    raise(signal)
    exit(128 + signal)
  }

  /// The engine is asked how the code ended: what its client reports may be its own.
  private func finish(_ client: Int32) throws(SandboxRefusal) -> Int32 {
    let state = ShortProgram(arguments: command.inspection, environment: environment).run(within: .seconds(10))
    record.remove(environment: environment)
    let words = state.output.split { $0 == " " || $0 == "\n" }
    if state.ending == .exited(0), words.count >= 2, words[0] == "exited" || words[0] == "stopped",
      let code = Int32(words[1])
    {
      return code
    }
    let name = command.engine.rawValue
    switch client {
    case 126, 127:
      let reason = "\(name) could not start \(command.interpreter) in image \(order.rules.image)"
      throw SandboxRefusal(reason + SandboxRefusal.seeStderr, infrastructure: order.isTrial)
    default:
      throw SandboxRefusal("\(name) could not run the container (code \(client))" + SandboxRefusal.seeStderr)
    }
  }
}
