public import AstroCore

extension Spool {
  /// Removes a run's file and receipt from the final places; what is not there is fine. Never from `active/`: a run that
  /// has a file there is not over.
  ///
  /// The file goes before the receipt: a refused file without a receipt would look like one whose runner died before it
  /// could say why. Nothing is made durable: names that a power cut brings back are found as ``orphans(changedBefore:)``.
  public func forget(_ id: WorkflowID, _ format: SubmissionFormat, _ removed: inout Removed) throws(Failure) {
    for name in [format.fileName(of: id), SubmissionFormat.receiptName(of: id)] {
      for place in Place.allCases where place != .active {
        guard let status = try places[place].status(of: name), status.kind != .directory,
          try places[place].remove(name)
        else { continue }
        removed.names += 1
        if status.kind == .regular, status.links == 1 { removed.bytes += status.identity.size }
      }
    }
  }

  /// A settled file or a receipt, by the run it belongs to.
  public struct Settled: Sendable, Hashable {
    public var id: WorkflowID
    public var format: SubmissionFormat
    public var place: Place
  }

  /// What lies in the final places under names that we mint and has not changed since `time`. Whether a run of that name
  /// is known the caller asks the journal.
  public func settled(in place: Place, changedBefore time: Timestamp) throws(Failure) -> [Settled] {
    var found: Set<Settled> = []
    try places[place].visit { (name, _) throws(Failure) in
      guard let (id, format) = Self.run(of: name), let status = try places[place].status(of: name),
        status.kind != .directory, status.identity.changedNanoseconds / 1000 < time.microseconds
      else { return .goOn }
      found.insert(Settled(id: id, format: format, place: place))
      return .goOn
    }
    return found.sorted { $0.id < $1.id }
  }

  private static func run(of name: FileName) -> (WorkflowID, SubmissionFormat)? {
    if name.ends(with: ".receipt.json") {
      return WorkflowID(minted: String(decoding: name.bytes.dropLast(13), as: UTF8.self)).map { ($0, .yaml) }
    }
    guard let (id, format) = SubmissionFormat.parse(name), let minted = WorkflowID(minted: id.text) else { return nil }
    return (minted, format)
  }
}
