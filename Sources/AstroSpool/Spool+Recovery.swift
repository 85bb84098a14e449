public import AstroCore

/// A claimed file as it lies in `active/`.
public struct ActiveFile: Hashable, Sendable {
  public let id: WorkflowID
  public let format: SubmissionFormat
  public let identity: FileIdentity
}

/// All that lies in `active/`.
public struct ActiveListing: Sendable, Equatable {
  /// In order of their identifiers.
  public var files: [ActiveFile] = []
  /// What carries no identifier of a run, or is no regular file: to be reported, never touched.
  public var strangers: [FileName] = []
}

extension Spool {
  /// What earlier runners claimed. A file here without a row in the journal was claimed just before a crash:
  /// ``lookActive(_:_:)`` and admit it.
  public func activeFiles() throws(Failure) -> ActiveListing {
    var listing = ActiveListing()
    try places.active.visit { (name, _) throws(Failure) in
      if name.starts(with: ".") { return .goOn }  // a receipt being written, or what a crash left of one
      guard let status = try places.active.status(of: name) else { return .goOn }
      if status.kind == .regular, let (id, format) = SubmissionFormat.parse(name) {
        listing.files.append(ActiveFile(id: id, format: format, identity: status.identity))
      } else {
        listing.strangers.append(name)
      }
      return .goOn
    }
    listing.files.sort { $0.id < $1.id }
    return listing
  }

  /// Looks at a claimed file by the same rules as at a waiting one: a crash may have come between the rename and the
  /// check that followed it. The candidate cannot be claimed again; close it when its bytes are in the journal.
  public func lookActive(_ id: WorkflowID, _ format: SubmissionFormat) throws(Failure) -> Look {
    try inspector.look(at: format.fileName(of: id), in: places.active, as: format)
  }

  /// The bytes of a claimed file as they are now.
  /// - Throws: `not_found` when it is gone; `io` when it is no regular file or over ``SpoolRules/maxBytes``.
  public func readActive(_ id: WorkflowID, _ format: SubmissionFormat) throws(Failure) -> [UInt8] {
    let name = format.fileName(of: id)
    let path = places.active.path(of: name)
    switch try places.active.open(name) {
    case .missing: throw Failure(.notFound, subject: path, message: "is not there any more")
    case .denied: throw Failure(.io, subject: path, message: "may not be read")
    case .notAFile: throw Failure(.io, subject: path, message: "is no regular file")
    case .opened(let file):
      let status = try file.status(of: path)
      guard status.kind == .regular else { throw Failure(.io, subject: path, message: "is no regular file") }
      guard status.identity.size <= rules.maxBytes else {
        throw Failure(.io, subject: path, message: "has \(status.identity.size) bytes, \(rules.maxBytes) are allowed")
      }
      return try file.read(Int(status.identity.size), from: 0, path)
    }
  }

  /// Runs in `rejected/` without a receipt: a crash came between ``claimRefused(_:_:as:)`` and ``settle(_:)``.
  public func unreceipted() throws(Failure) -> [WorkflowID] {
    var files: Set<WorkflowID> = []
    var receipts: Set<WorkflowID> = []
    try places[.rejected].visit { (name, _) throws(Failure) in
      if name.ends(with: ".receipt.json") {
        let stem = String(decoding: name.bytes.dropLast(13), as: UTF8.self)
        if let id = WorkflowID(validating: stem) { receipts.insert(id) }
      } else if let (id, _) = SubmissionFormat.parse(name) {
        files.insert(id)
      }
      return .goOn
    }
    return files.subtracting(receipts).sorted()
  }

  /// Removes dot files of ours that a crash left behind. Writers keep one for moments only; what is older than `age` by
  /// the file system's clock has no writer any more.
  /// - Returns: how many were removed.
  public func sweepTemporaries(olderThan age: Duration = .seconds(3600)) throws(Failure) -> Int {
    guard let now = places.active.fileSystemNow() else { return 0 }
    var removed = 0
    for directory in [places.spool, places.active] {
      try directory.visit { (name, _) throws(Failure) in
        guard name.starts(with: TemporaryFile.prefix), name.ends(with: TemporaryFile.suffix),
          let status = try directory.status(of: name), status.kind == .regular,
          (now - status.identity.changedNanoseconds) / 1000 > age.microseconds
        else { return .goOn }
        if try directory.remove(name) { removed += 1 }
        return .goOn
      }
    }
    return removed
  }
}
