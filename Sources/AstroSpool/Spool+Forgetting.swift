public import AstroCore

extension Spool {
  /// Removes a run's file, of any of the `formats`, the results of a batch, and its receipt from the final places; what is
  /// not there is fine. Never from `active/`: a run that has a file there is not over.
  ///
  /// The receipt goes last: without it nothing says that the run whose file is left has ended. Nothing is made durable: names that a power cut brings back are found by
  /// ``settled(in:)`` as those of runs that nobody knows.
  public func forget(
    _ id: WorkflowID, _ formats: [SubmissionFormat], _ removed: inout Removed
  ) throws(Failure) {
    let results = formats.contains(.jsonl) ? [SubmissionFormat.resultsName(of: id)] : []
    for name in formats.map({ $0.fileName(of: id) }) + results + [SubmissionFormat.receiptName(of: id)] {
      for place in Place.allCases where place != .active {
        guard let status = try places[place].status(of: name), status.kind != .directory,
          try places[place].remove(name)
        else { continue }
        removed.names += 1
        if status.kind == .regular, status.links == 1 { removed.bytes += status.identity.size }
      }
    }
  }

  /// A settled file, a receipt, or both, by the run they belong to.
  public struct Settled: Sendable, Hashable {
    public var id: WorkflowID
    public var format: SubmissionFormat
    public var place: Place
  }

  /// What lies in a final place under names that we mint, each run once. Asks for names alone.
  public func settled(in place: Place) throws(Failure) -> [Settled] {
    var found: [WorkflowID: SubmissionFormat] = [:]
    try places[place].visit { (name, _) throws(Failure) in
      // The file tells the format, a receipt alone does not.
      if let (id, format) = Self.run(of: name), found[id] == nil || format != .yaml { found[id] = format }
      return .goOn
    }
    return found.map { Settled(id: $0.key, format: $0.value, place: place) }
  }

  private static func run(of name: FileName) -> (WorkflowID, SubmissionFormat)? {
    if let id = SubmissionFormat.run(ofCompanion: name) { return (id, .yaml) }
    guard let (id, format) = SubmissionFormat.parse(name), let minted = WorkflowID(minted: id.text) else { return nil }
    return (minted, format)
  }
}
