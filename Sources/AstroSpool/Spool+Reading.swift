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
    guard let (bytes, status) = try read(format.fileName(of: id), in: place) else { return nil }
    return LyingFile(bytes: bytes, owner: status.owner, modifiedAt: status.modifiedAt)
  }

  /// Whether a run's file, whatever it is, lies in that place.
  public func holds(_ id: WorkflowID, _ format: SubmissionFormat, in place: Place) throws(Failure) -> Bool {
    try places[place].status(of: format.fileName(of: id)) != nil
  }

  /// The text of a run's receipt; `nil` when there is none.
  public func receipt(of id: WorkflowID, in place: Place) throws(Failure) -> [UInt8]? {
    try read(SubmissionFormat.receiptName(of: id), in: place)?.bytes
  }

  private func read(
    _ name: FileName, in place: Place
  ) throws(Failure) -> (bytes: [UInt8], status: FileStatus)? {
    let directory = places[place]
    switch try directory.open(name) {
    case .missing: return nil
    case .notAFile: return nil
    case .denied:
      throw Failure(.io, subject: directory.path(of: name), message: "may not be read by this user")
    case .opened(let descriptor):
      let status = try descriptor.status(of: directory.path(of: name))
      guard status.kind == .regular, status.identity.size <= SpoolRules().maxBytes else { return nil }
      return (try descriptor.read(Int(status.identity.size), from: 0, directory.path(of: name)), status)
    }
  }
}
