public import AstroCore
public import AstroSpool

/// Why a file still waits in `spool/`, and when it can be claimed at the earliest. Pure, drawn from a ``FileSituation``.
public struct FileExplanation: Sendable, Equatable {
  public enum Cause: Sendable, Equatable {
    /// Not a name for a workflow: it lies there until somebody takes it away.
    case ignored
    /// It will be moved to `rejected/`.
    case refused([Diagnostic])
    case notYet(NotYet.Reason, until: Timestamp)
    /// A runner could not take it; why.
    case stuck(String)
    case notBefore(Timestamp)
    case limit(LimitVerdict, opensAt: Timestamp)
    /// Held ones are among the active.
    case full(active: Int, held: Int, most: Int)
    case noRunner
    /// Nothing that is known: a runner takes it next.
    case next
  }

  /// Printable.
  public var file: String
  public var causes: [Cause] = []
  /// `nil` is unknown.
  public var earliest: Timestamp?
  public var now: Timestamp

  public init(_ situation: FileSituation) {
    file = situation.file
    now = situation.now
    if situation.sight != .ignored, !situation.hasRunner { causes.append(.noRunner) }
    causes += situation.causes
    if causes.isEmpty { causes = [.next] }
    earliest = Self.earliest(causes, now: now)
  }

  /// It will never be claimed as it is.
  public var isHopeless: Bool {
    causes.contains {
      switch $0 {
      case .ignored, .refused: true
      case .notYet, .stuck, .notBefore, .limit, .full, .noRunner, .next: false
      }
    }
  }

  private static func earliest(_ causes: [Cause], now: Timestamp) -> Timestamp? {
    var latest = now
    for cause in causes {
      switch cause {
      case .notYet(.resting, let until), .notBefore(let until), .limit(_, let until): latest = max(latest, until)
      case .next: break
      // A writer may take any time; what is refused is never claimed.
      case .ignored, .refused, .notYet, .stuck, .full, .noRunner: return nil
      }
    }
    return latest
  }
}
