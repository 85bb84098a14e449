/// Why a call has no result.
public enum JSONRPCFailure: Error, Sendable, Equatable {
  /// The other side answered with an error; the connection goes on.
  case error(JSONRPCError)
  /// There was no answer in time; the other side was told that nobody waits any more.
  case timedOut(Duration)
  /// The task that called was cancelled; the same otherwise.
  case cancelled
  /// Nothing can be said or heard any more.
  case broken(Break)

  public enum Break: Sendable, Equatable {
    /// The other side has closed its stream.
    case ended
    /// It does not read what it is sent.
    case deaf
    /// A line was longer than that, in bytes.
    case longLine(Int)
    case batch
    /// More lines than are passed over were no messages; the last of them, its first 4 KiB.
    case nonsense(lines: Int, last: String)
    /// This side has closed it.
    case closed
  }
}
