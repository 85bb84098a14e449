public import AstroCore

extension Spool {
  /// Whether a visit of the spool goes on.
  public enum Visit: Sendable { case goOn, stop }

  /// Calls `body` for every name in `spool/` in the order the file system has them, holding one at a time: a backlog of
  /// any size needs the memory of one name.
  public func visit(_ body: (SpoolEntry) throws(Failure) -> Visit) throws(Failure) {
    try places.spool.visit { (name, isDirectory) throws(Failure) in
      let entry = isDirectory ? SpoolEntry(name: name, kind: .ignored) : SpoolEntry(name: name)
      return switch try body(entry) {
      case .goOn: .goOn
      case .stop: .stop
      }
    }
  }

  /// The first `limit` names that are worth a look, in the order the file system has them.
  public func list(limit: Int = .max) throws(Failure) -> [SpoolEntry] {
    var entries: [SpoolEntry] = []
    guard limit > 0 else { return [] }
    try visit { entry throws(Failure) in
      switch entry.kind {
      case .ignored: return .goOn
      case .candidate, .odd:
        entries.append(entry)
        return entries.count < limit ? .goOn : .stop
      }
    }
    return entries
  }
}
