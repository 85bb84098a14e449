/// Where the parts of one run lie. Paths only; whoever writes makes what is missing.
public struct RunDirectory: Sendable {
  public let path: String

  /// - Parameter runs: `data/runs`.
  public init(_ id: WorkflowID, in runs: String) { path = "\(runs)/\(id.text)" }

  /// The result, or the state while it runs.
  public var record: String { path + "/run.json" }
  public var events: String { path + "/events.jsonl" }
  /// `$ASTRO_RUN_DIR`, and the working directory unless a task says otherwise.
  public var files: String { path + "/files" }
  /// How the names of files begin in which attempts write their outputs, until they are taken.
  public static let outputPrefix = ".output-"

  /// What the requests of a batch file have come to, a line each.
  public var results: String { files + "/results.jsonl" }

  /// The bytes submitted.
  public func workflow(extension name: String) -> String { "\(path)/workflow.\(name)" }
  /// `$ASTRO_OUTPUT` of one attempt.
  public func output(of key: AttemptKey) -> String { "\(path)/\(Self.outputPrefix)\(key.task).\(key.number)" }
  /// Holds `stdout` and `stderr`, and exists only when one of them does.
  public func attempt(_ key: AttemptKey) -> String { "\(path)/tasks/\(key.task)/\(key.number)" }
}
