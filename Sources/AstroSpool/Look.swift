/// What one look at a name in the spool found.
public enum Look {
  /// Complete; its bytes are read, and nobody is writing to it while the candidate is kept.
  case ready(Candidate)
  case notYet(NotYet)
  /// Never going to be a workflow: ``Spool/claim(_:_:as:)``.
  case refused(Refusal)
  /// Not for us: a sub-directory or a temporary name.
  case ignored
  /// Nothing has this name any more: another runner was faster, or its owner took it back.
  case gone
}

/// Why a file has to wait, and until when.
public struct NotYet: Sendable, Equatable {
  public enum Reason: String, Sendable {
    /// A process holds it open for writing, or it changed while it was read.
    case beingWritten = "being_written"
    /// The kernel cannot tell whether somebody writes: size and times must stand still first.
    case resting
    case noFinalNewline = "no_final_newline"
    case empty
    /// Something will be wrong with it unless it changes soon: an odd name, a second link, an unreadable mode.
    case unsettled
    /// The kernel could not open or read it: an I/O error, no descriptor or memory left.
    case unreadable
  }

  public let reason: Reason
  /// On ``Moment/boot``, microseconds.
  public let lookAgainAt: Int64
}
