public import AstroCore

/// Where the commands of one run print to, for those who only look on: read from the exit log of the runner that
/// started them, without taking a lock that an heir of that runner might want at the same moment.
public struct OutputLedger: Sendable {
  /// What the log says of one attempt. The paths are those of scratch files, which the runner renames away as soon as it
  /// has heard of the end.
  public enum Entry: Sendable, Equatable {
    case running(stdout: String, stderr: String)
    /// `nil` for a stream that held nothing.
    case ended(stdout: String?, stderr: String?)
  }

  /// The exit log: it grows whenever an entry changes.
  public var path: String { files.exits }

  private let files: RunnerFiles
  private let run: WorkflowID
  private var reader: ExitLogReader
  private var entries: [AttemptKey: Entry] = [:]

  /// - Parameter runnerID: the attempt's launcher, as the journal names it.
  public init(dataDirectory: String, runnerID: String, run: WorkflowID) throws(Failure) {
    files = try RunnerFiles(dataDirectory: dataDirectory, runnerID: runnerID)
    reader = ExitLogReader(path: files.exits)
    self.run = run
  }

  /// Takes in what the log has gained. A log that is gone, because nothing of that runner is left, adds nothing.
  public mutating func refresh() throws(Failure) {
    for record in try reader.next() { take(record) }
  }

  /// `nil` when the attempt was not started by that runner, or not yet.
  public subscript(key: AttemptKey) -> Entry? { entries[key] }

  private mutating func take(_ record: ExitLogRecord) {
    switch record {
    case .start(let key, _, let stdout, let stderr, _) where key.workflow == run:
      entries[key] = .running(stdout: files.scratch(stdout), stderr: files.scratch(stderr))
    case .exit(let record) where record.key.workflow == run:
      let record = files.resolving(record)
      entries[record.key] = .ended(stdout: record.stdout, stderr: record.stderr)
    case .start, .exit, .warden, .pid, .refused, .withdrawn, .closed, .failed: break
    }
  }
}
