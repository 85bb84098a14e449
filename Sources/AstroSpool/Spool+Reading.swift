public import AstroCore

/// A run's file as it lies below the spool.
public struct LyingFile: Sendable {
  public var bytes: [UInt8]
  public var owner: UInt32
  public var modifiedAt: Timestamp
}

/// For whoever has no journal to ask.
extension Spool {
  /// The file of a run in one place; `nil` when it is not there, or no regular file and therefore never read.
  public func file(
    of id: WorkflowID, _ format: SubmissionFormat, in place: Place
  ) throws(Failure) -> LyingFile? {
    guard let (bytes, status) = try places[place].content(of: format.fileName(of: id)) else { return nil }
    return LyingFile(bytes: bytes, owner: status.owner, modifiedAt: status.modifiedAt)
  }

  /// Whether a run's file, whatever it is, lies in that place.
  public func holds(_ id: WorkflowID, _ format: SubmissionFormat, in place: Place) throws(Failure) -> Bool {
    try places[place].status(of: format.fileName(of: id)) != nil
  }

  /// The text of a run's receipt; `nil` when there is none.
  public func receipt(of id: WorkflowID, in place: Place) throws(Failure) -> [UInt8]? {
    try places[place].content(of: SubmissionFormat.receiptName(of: id))?.bytes
  }
}
