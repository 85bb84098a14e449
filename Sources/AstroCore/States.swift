/// The states of a task. ``isTerminal`` ones never change except by `astro retry`.
public enum TaskState: String, Sendable, CaseIterable {
  case pending, waiting, running, succeeded, failed
  case timedOut = "timed_out"
  case cancelled, skipped
  case upstreamFailed = "upstream_failed"
  case lost

  public var isTerminal: Bool {
    switch self {
    case .pending, .waiting, .running: false
    case .succeeded, .failed, .timedOut, .cancelled, .skipped, .upstreamFailed, .lost: true
    }
  }
}

/// The states of a run.
public enum RunState: String, Sendable, CaseIterable {
  case queued, running, held, succeeded, partial, failed, cancelled, rejected, duplicate

  public var isTerminal: Bool {
    switch self {
    case .queued, .running, .held: false
    case .succeeded, .partial, .failed, .cancelled, .rejected, .duplicate: true
    }
  }

  /// The directory under `spool/` where the file of a run in this state lies.
  public var place: Place {
    switch self {
    case .queued, .running, .held: .active
    case .succeeded, .partial, .duplicate: .done
    case .failed: .failed
    case .cancelled: .cancelled
    case .rejected: .rejected
    }
  }
}

/// The sub-directories of `spool/`; a file is in exactly one of them, or in `spool/` itself while it waits.
public enum Place: String, Sendable, CaseIterable {
  case active, done, failed, cancelled, rejected
}
