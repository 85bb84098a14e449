import AstroCore
import CLinux
import Glibc

/// Finds the engine that works here: the first that runs `exit 9` in a sandbox and reports 9. Some are installed and answer nobody, and
/// some report success whatever happened.
///
/// What was found is remembered in a file for as long as the same programs are installed, nothing that matters is set
/// otherwise, and the machine has not been started anew.
public struct EngineTrial {
  private let rules: SandboxRules
  private let executable: String
  private let environment: [String: String]
  private let user: SandboxOrder.User?
  private let memory: String

  /// - Parameters:
  ///   - executable: the program with the hidden verb ``Sandbox``.
  ///   - environment: that of the engines.
  ///   - user: whom code runs as; `nil` is the user of this process.
  ///   - memory: the directory of what is remembered.
  public init(
    _ rules: SandboxRules, executable: String, environment: [String: String], user: SandboxOrder.User?, memory: String
  ) {
    self.rules = rules
    self.executable = executable
    self.environment = environment
    self.user = user
    self.memory = memory
  }

  /// The engine that is known to work, or the first that is found to.
  public func choose(within limit: Duration) throws(SandboxRefusal) -> SandboxRules.Engine {
    if let known { return known }
    return try search(within: limit)
  }

  /// Tries them out, whatever is remembered.
  public func search(within limit: Duration) throws(SandboxRefusal) -> SandboxRules.Engine {
    let found = look(within: limit)
    if let engine = found.engine { return engine }
    throw SandboxRefusal("no sandbox engine works: \(found.flaws.joined(separator: "; "))")
  }

  /// What was found out.
  public struct Outcome: Sendable, Equatable {
    /// `nil`: none works.
    public var engine: SandboxRules.Engine?
    /// What is wrong with those that come before it, each with its name.
    public var flaws: [String]
  }

  /// The same with what is wrong with those that were passed over.
  public func look(within limit: Duration) -> Outcome {
    let until = clinux_boot_microseconds() + limit.microseconds
    var flaws: [String] = []
    for engine in rules.candidates {
      guard let flaw = flaw(of: engine, until: until) else {
        remember(engine)
        return Outcome(engine: engine, flaws: flaws)
      }
      flaws.append("\(engine.rawValue) \(flaw)")
    }
    unlink(path)
    return Outcome(engine: nil, flaws: flaws)
  }

  /// The end of a sentence that begins with the engine; `nil` when it works.
  private func flaw(of engine: SandboxRules.Engine, until: Int64) -> String? {
    guard EngineProgram(engine, environment: environment).path != nil else { return "is not installed" }
    let left = until - clinux_boot_microseconds()
    guard left > 0 else { return "was not tried: the time was up" }
    removeAbandoned()
    // Each of its own: several runners may be trying at the same time.
    let folder = "\(memory)/trial.\(getpid())"
    for path in [memory, folder] { mkdir(path, 0o700) }
    defer {
      SandboxRefusal.forget(in: folder)
      rmdir(folder)
    }
    var rules = rules
    rules.engine = engine
    var order = SandboxOrder(
      .text("exit 9"), in: "sh", rules: rules, runFiles: "/", output: nil, folder: folder, memory: memory)
    order.isTrial = true
    order.user = user
    let result = ShortProgram(arguments: [executable, Sandbox.verb], environment: environment, input: order.text)
      .run(within: .microseconds(left))
    switch result.ending {
    case .exited(9): return nil
    case .exited(SandboxRefusal.exitCode):
      let reason = SandboxRefusal(leftIn: folder)?.reason ?? result.firstLine
      // Here nobody else can look at its stderr.
      return "cannot be used: \(reason.replacing(SandboxRefusal.seeStderr, with: ": " + result.firstLine))"
    case .exited(let code): return "reports \(code) for a program that exits with 9: \(result.firstLine)"
    case .signalled(let number): return "was killed by signal \(number)"
    case .late: return "did not answer in time"
    case .notStarted(let problem): return "cannot be started: \(String(cString: strerror(problem)))"
    }
  }

  /// The directories of trials whose process was killed.
  private func removeAbandoned() {
    guard let directory = opendir(memory) else { return }
    defer { closedir(directory) }
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard name.hasPrefix("trial."), let pid = Int32(name.dropFirst(6)), kill(pid, 0) != 0, errno == ESRCH else {
        continue
      }
      SandboxRefusal.forget(in: "\(memory)/\(name)")
      rmdir("\(memory)/\(name)")
    }
  }

  // MARK: What is remembered

  /// One file for each set of rules: agents differ.
  private var path: String { "\(memory)/\(Fingerprint(of: rules.json.json).text).engine" }

  private var identity: String {
    let programs = rules.candidates.map { EngineProgram($0, environment: environment).identity }
    let owner = user.map { "\($0.uid)" } ?? "own"
    return (programs + [owner, Self.bootID]).joined(separator: " ")
  }

  private static var bootID: String {
    let file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return "" }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = read(file, &bytes, bytes.count)
    return String(decoding: bytes[..<max(0, count)].prefix { $0 != 0x0A }, as: UTF8.self)
  }

  /// The engine that is remembered to work.
  public var known: SandboxRules.Engine? {
    let file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = read(file, &bytes, bytes.count)
    let lines = String(decoding: bytes[..<max(0, count)], as: UTF8.self).split(separator: "\n")
    guard lines.count == 2, lines[1] == identity else { return nil }
    return SandboxRules.Engine(rawValue: String(lines[0]))
  }

  /// Whole or not at all; a crash that loses it costs one more trial.
  private func remember(_ engine: SandboxRules.Engine) {
    let temporary = "\(path).\(getpid())"
    let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard file >= 0 else { return }
    let bytes = Array("\(engine.rawValue)\n\(identity)\n".utf8)
    let isWhole = write(file, bytes, bytes.count) == bytes.count
    close(file)
    if !isWhole || rename(temporary, path) != 0 { unlink(temporary) }
  }
}
