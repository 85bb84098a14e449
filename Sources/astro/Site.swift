import AstroConfiguration
import AstroCore
import AstroJournal
import AstroProcess
import AstroRunner
import AstroTelemetry
import Glibc
import Logging

/// A home with its configuration, found and loaded.
struct Site {
  let home: Home
  let configuration: Configuration
  let environment: [String: String]
  let clock = SystemClock()

  /// Unreadable configuration ends the command with 78 and changes nothing.
  init(home flag: String?) throws {
    environment = Self.readEnvironment()
    let directory = Self.workingDirectory()
    let root = try Home.locate(flag: flag, environment: environment, workingDirectory: directory)
    do throws(ConfigurationError) {
      configuration = try Configuration.load(home: root, environment: environment)
    } catch {
      Message.show(error.diagnostics)
      throw AstroCore.ExitCode.configuration
    }
    Message.show(configuration.warnings)
    home = Home(root: root, system: configuration.system)
  }

  private init(_ other: Site, _ configuration: Configuration) {
    home = other.home
    environment = other.environment
    self.configuration = configuration
  }

  /// The same home with its configuration as it is now; as it was when it cannot be read.
  func reread() -> Site {
    guard let fresh = try? Configuration.load(home: home.root, environment: environment) else { return self }
    return Site(self, fresh)
  }

  static func readEnvironment() -> [String: String] {
    var result: [String: String] = [:]
    var entry = environ
    while let text = entry.pointee {
      let pair = String(cString: text)
      // By bytes: to Swift, '=' with an accent on it is another character.
      if let mark = pair.utf8.firstIndex(of: UInt8(ascii: "=")) {
        result[String(pair[..<mark])] = String(pair[pair.utf8.index(after: mark)...])
      }
      entry += 1
    }
    return result
  }

  static func workingDirectory() -> String {
    guard let path = getcwd(nil, 0) else { return "/" }
    defer { free(path) }
    return String(cString: path)
  }

  var bootID: String { ProcessIdentity.currentBootID() ?? "unknown" }

  /// Reads the journal; `nil` in a home where nothing ever ran.
  func read<T>(_ body: (Reading) throws -> T) throws -> T? { try openReader()?.read(body) }

  /// `nil` in a home where nothing ever ran. A journal that may not be read is an error, never an empty one.
  func openReader() throws -> JournalReader? {
    do throws(Failure) { return try Journal.openReading(dataDirectory: home.data) } catch {
      guard error.code == .notFound else { throw error }
      return nil
    }
  }

  /// The run a person means.
  func resolve(_ text: String) throws -> WorkflowID {
    guard let id = try read({ try $0.resolve(text) }) else { throw Self.nothingRan(text) }
    return id
  }

  /// The run, or the submitted file that still waits.
  func find(_ text: String) throws -> Reading.Named {
    guard let named = try read({ try $0.find(text) }) else { throw Self.nothingRan(text) }
    return named
  }

  private static func nothingRan(_ text: String) -> Failure {
    Failure(
      .notFound, subject: text.isEmpty ? "''" : String(text.prefix(100)),
      message: "no such run: nothing has run here yet")
  }

  /// Reads the home as it is now.
  func report() throws -> HomeReport {
    let now = clock.now()
    let seen = try read { try HomeReport(home, configuration, $0, bootID: bootID, at: now) }
    return try seen ?? HomeReport(home, configuration, nil, bootID: bootID, at: now)
  }

  func openJournal() throws -> Journal {
    home.makeDirectories()
    return try Journal.open(dataDirectory: home.data, bootID: bootID, clock: clock)
  }

  /// What a verb that works shows of its log on stderr.
  enum ConsoleUse {
    /// Nothing: it shows progress itself.
    case none
    /// Everything, for a service's own log.
    case everything
    /// Everything on a terminal; else only warnings and errors, so that cron sends no mail about a pass that went well.
    case problems
  }

  /// Starts logging for a verb that works: the file always, the console as asked. In a home that others may write to it
  /// does not begin at all.
  func startLogging(console use: ConsoleUse) throws -> (Logger, LogOutput) {
    if let flaw = HomePermissions(home).flaws.first { throw flaw.failure }
    let slash = home.log.lastIndex(of: "/") ?? home.log.startIndex
    mkdir(String(home.log[..<slash]), 0o700)
    let system = configuration.system
    let level = Logger.Level(word: system.logLevel.rawValue) ?? .info
    let isQuiet = use == .problems && isatty(STDERR_FILENO) != 1
    let settings = LogSettings(
      file: home.log, rotation: LogFile.Rotation(system.logRotation), level: level,
      console: use == .none ? nil : LogConsole.fitting(json: system.jsonLogging, environment: environment),
      consoleLevel: isQuiet ? max(level, .warning) : level, environment: system.environment.rawValue)
    let output = try AstroLog.bootstrap(settings)
    return (Logger(label: "astro"), output)
  }

  /// The path of this program, for starting the warden.
  static var executable: String {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : "/proc/self/exe"
  }
}
