public import AstroCore

/// What came of trying to take a file out of the spool.
public enum ClaimResult: Sendable, Equatable {
  /// It is ours, in `active/` (a refused one: in `rejected/`).
  case claimed
  /// Another runner was faster, or its owner took it back.
  case taken
  /// It is not what was looked at any more: it waits in the spool again, under the name given here, to be looked at
  /// anew.
  case changed(name: FileName)
}

/// What came of giving a claimed file back.
public enum UnclaimResult: Sendable, Equatable {
  case returned
  /// A new file has its name already: the claimed one stays in `active/` and is admitted at the next start.
  case nameTaken
  /// It was not in `active/` any more.
  case missing
}

extension Spool {
  /// Takes a candidate out of the spool: it becomes `active/<id>.yaml` (or `.json`). The candidate is closed, whatever
  /// the result; its bytes stay.
  ///
  /// The bytes are made durable first: a power cut after a rename that reached the disk before the data would leave an
  /// empty file under the claimed name. The rename is atomic, so a crash leaves the file either waiting or in
  /// `active/`, where the next start finds it (``activeFiles()``). Claims of a batch become durable by
  /// ``syncDirectories()``.
  public func claim(_ candidate: Candidate, as id: WorkflowID) throws(Failure) -> ClaimResult {
    defer { candidate.close() }
    let name = candidate.name
    guard try candidate.synchronize(places.spool.path(of: name)) else {
      preconditionFailure("a candidate can be claimed until it is closed")
    }
    let target = candidate.format.fileName(of: id)
    guard try take(name, to: .active, as: target) else { return .taken }
    guard let status = try places.active.status(of: target) else { return .taken }
    // Between look and rename the name may have come to mean another file, and without a lease this one may have been
    // written to. A broken lease is a writer that waits in open(2) right now.
    if status.identity.hasSameContent(as: candidate.identity), status.links == 1, candidate.isUndisturbed {
      return .claimed
    }
    return try putBack(target, from: .active, as: name, spare: target)
  }

  /// Moves something that was refused, whatever it is and unopened, to `rejected/<id>.yaml`. ``settle(_:)`` writes its
  /// receipt; after a crash in between ``unreceipted()`` finds it.
  public func claimRefused(_ name: FileName, _ refusal: Refusal, as id: WorkflowID) throws(Failure) -> ClaimResult {
    let target = SubmissionFormat.yaml.fileName(of: id)
    guard try take(name, to: .rejected, as: target) else { return .taken }
    guard let status = try places[.rejected].status(of: target) else { return .taken }
    // A good file may have replaced the bad one since the look.
    if status.identity.hasSameContent(as: refusal.identity) { return .claimed }
    return try putBack(target, from: .rejected, as: name, spare: target)
  }

  /// Makes all claims so far durable: fsync of `spool/` and `active/`. Once a batch, before the journal commits it.
  public func syncDirectories() throws(Failure) {
    try places.active.synchronize()
    try places.spool.synchronize()
  }

  /// Gives a claimed file back under its own name, when the journal could not commit it. Either position is legal after
  /// a crash: nothing is made durable here.
  public func unclaim(_ id: WorkflowID, _ format: SubmissionFormat, to name: FileName) throws(Failure) -> UnclaimResult
  {
    switch try places.active.move(format.fileName(of: id), to: places.spool, as: name) {
    case .moved: .returned
    case .targetExists: .nameTaken
    case .sourceMissing: .missing
    }
  }

  private func take(_ name: FileName, to place: Place, as target: FileName) throws(Failure) -> Bool {
    switch try places.spool.move(name, to: places[place], as: target) {
    case .moved: return true
    case .sourceMissing: return false
    case .targetExists:
      throw Failure(
        .cannotCreate, subject: places[place].path(of: target), message: "a run of this name exists already")
    }
  }

  /// Undoes a rename that took the wrong content. When the name is in use again already, both files wait: this one
  /// under `spare`. A crash before it leaves the file in `active/`, where the next start looks at it anew.
  func putBack(
    _ file: FileName, from place: Place, as name: FileName, spare: FileName
  ) throws(Failure) -> ClaimResult {
    for free in [name, spare] {
      switch try places[place].move(file, to: places.spool, as: free) {
      case .moved: return .changed(name: free)
      case .sourceMissing: return .taken
      case .targetExists: continue
      }
    }
    throw Failure(.cannotCreate, subject: places.spool.path(of: spare), message: "a file of this name exists already")
  }
}
