import AstroCore
import CLinux
import Glibc

/// Code in a sandbox, as one of the warden's commands: the hidden verb `sandbox` reads a ``SandboxOrder`` on standard input, becomes
/// or watches over the engine that runs the code, and ends as the code does. Where the code cannot be run it leaves a
/// ``SandboxRefusal``: there is no way past a sandbox.
public enum Sandbox {
  /// The verb's name.
  public static let verb = "sandbox"

  /// - Parameters:
  ///   - arguments: without the program and the verb: none, or `--remove FILE`.
  ///   - environment: that of this process, which is the engine's.
  /// - Returns: the exit code.
  public static func main(arguments: [String], environment: [String: String]) -> Int32 {
    switch (arguments.first, arguments.count) {
    case ("--remove", 2): return ContainerRecord(at: arguments[1])?.remove(environment: environment) == false ? 1 : 0
    case (nil, 0): break
    default: return ExitCode.usage.rawValue
    }
    guard let bytes = readAll(STDIN_FILENO), let order = SandboxOrder(parsing: bytes) else {
      return ExitCode.usage.rawValue
    }
    do throws(SandboxRefusal) {
      return try run(order, environment)
    } catch {
      error.leave(in: order.folder)
      complain(error.reason)
      return SandboxRefusal.exitCode
    }
  }

  private static func run(_ order: SandboxOrder, _ environment: [String: String]) throws(SandboxRefusal) -> Int32 {
    guard let language = CodeLanguage(order.language) else {
      throw SandboxRefusal("no interpreter is known for '\(Terminal.printable(order.language))'", infrastructure: false)
    }
    let trial = EngineTrial(
      order.rules, executable: "/proc/self/exe", environment: environment, user: order.user, memory: order.memory)
    let engine = order.isTrial ? order.rules.engine ?? .bubblewrap : try trial.choose(within: .seconds(10))
    let program = EngineProgram(engine, environment: environment)
    guard let path = program.path else { throw SandboxRefusal("\(engine.rawValue) is not installed") }
    switch engine {
    case .bubblewrap:
      // First: what was opened before belongs to other mounts, and could not be mounted in these.
      let stage = order.user == nil ? nil : try Stage()
      try Bubblewrap(path, order, language, try SandboxSources(order)).become(on: stage)
    case .podman, .docker:
      return try ContainerRun(engine, path, order, language, try SandboxSources(order), environment).run()
    }
  }

  private static func readAll(_ file: Int32) -> [UInt8]? {
    var all: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = read(file, &part, part.count)
      if count < 0, errno == EINTR { continue }
      if count < 0 { return nil }
      if count == 0 { return all }
      all += part[..<count]
    }
  }

  private static func complain(_ reason: String) {
    let line = Array("astro: \(reason)\n".utf8)
    _ = write(STDERR_FILENO, line, line.count)
  }
}
