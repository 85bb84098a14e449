import AstroCore

/// One piece of code to be run in a sandbox: everything the hidden verb ``Sandbox`` must know, which it reads on standard input.
/// It holds the task's secrets, and so is never in a file or among arguments.
public struct SandboxOrder: Sendable, Equatable {
  public enum Code: Sendable, Equatable {
    case text(String)
    /// A path below the run's files.
    case file(String)
  }

  public struct User: Sendable, Equatable {
    public var uid: UInt32
    public var gid: UInt32

    public init(uid: UInt32, gid: UInt32) {
      self.uid = uid
      self.gid = gid
    }
  }

  public var rules: SandboxRules
  /// One of ``CodeLanguage``.
  public var language: String
  public var code: Code
  /// Paths below the run's files that it is shown, to be read.
  public var files: [String] = []
  public var arguments: [String] = []
  /// What it reads on standard input; `nil` is nothing.
  public var input: String?
  /// The whole environment, but what a sandbox has of its own.
  public var environment: [String: String] = [:]
  /// Whom it runs as, outside; `nil` is the user of this process, which then is not root.
  public var user: User?
  /// `files/` of the run.
  public var runFiles: String
  /// The file for `$ASTRO_OUTPUT`, which is there and which the user may write to; `nil` is none.
  public var output: String?
  /// The directory of the attempt, for what is to be known of it from outside.
  public var folder: String
  /// Where it is remembered which engine works.
  public var memory: String
  /// It tries an engine out, which is therefore taken as it is.
  var isTrial = false

  public init(
    _ code: Code, in language: String, rules: SandboxRules, runFiles: String, output: String?, folder: String,
    memory: String
  ) {
    self.code = code
    self.language = language
    self.rules = rules
    self.runFiles = runFiles
    self.output = output
    self.folder = folder
    self.memory = memory
  }

  /// Seen from inside.
  static let workdir = "/work"
  static let outputPath = "/run/astro/output"

  /// What it sees as its environment.
  var innerEnvironment: [String: String] {
    environment.merging([
      "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": Self.workdir, "TMPDIR": "/tmp",
      "ASTRO_RUN_DIR": Self.workdir, "ASTRO_OUTPUT": Self.outputPath,
    ]) { $1 }
  }
}
