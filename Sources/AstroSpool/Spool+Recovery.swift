public import AstroCore
import CLinux

/// A claimed file as it lies in `active/`.
public struct ActiveFile: Hashable, Sendable {
  public let id: WorkflowID
  public let name: FileName
  public let state: State

  public enum State: Hashable, Sendable {
    case claimed(SubmissionFormat)
    /// Claimed to be rejected; the name it had in `spool/`, cut off where both were too long for one.
    case refused(FileName)
  }

  init?(_ name: FileName) {
    self.name = name
    if let (id, format) = SubmissionFormat.parse(name) {
      self.id = id
      state = .claimed(format)
    } else if let (id, original) = name.refused {
      self.id = id
      state = .refused(original)
    } else {
      return nil
    }
  }
}

extension FileName {
  private static let refusedMark = Array(".refused.".utf8)
  /// NAME_MAX of Linux.
  private static let longest = 255

  /// What a refused file is called in `active/`. Of a name too long for that the end is kept: what is given back under it
  /// must not pass for a workflow, which its ending decides.
  static func refused(_ name: FileName, as id: WorkflowID) -> FileName {
    let front = Array(id.text.utf8) + refusedMark
    return FileName(unchecked: front + name.bytes.suffix(longest - front.count))
  }

  /// The run and the former name in a name that ``refused(_:as:)`` made.
  fileprivate var refused: (WorkflowID, FileName)? {
    guard let dot = bytes.firstIndex(of: UInt8(ascii: ".")), bytes[dot...].starts(with: Self.refusedMark),
      let id = WorkflowID(validating: String(decoding: bytes[..<dot], as: UTF8.self)),
      let name = FileName(bytes: bytes[(dot + Self.refusedMark.count)...])
    else { return nil }
    return (id, name)
  }
}

extension Spool {
  /// What runners claimed, in the order of their identifiers. A file here without a row in the journal was claimed just
  /// before a crash, or is being claimed under the journal's gate: ``lookActive(_:_:)`` and admit it, or
  /// ``giveBack(_:as:)``. What bears no name of a run is never touched.
  public func activeFiles() throws(Failure) -> [ActiveFile] {
    var files: [ActiveFile] = []
    try places.active.visit { (name, isDirectory) throws(Failure) in
      if !isDirectory, let file = ActiveFile(name) { files.append(file) }
      return .goOn
    }
    return files.sorted { $0.id < $1.id }
  }

  /// Looks at a claimed file by the same rules as at a waiting one: a crash may have come between the rename and the
  /// check that followed it. The candidate cannot be claimed again; close it when its bytes are in the journal.
  public func lookActive(_ name: FileName, _ format: SubmissionFormat) -> Look {
    inspector.look(at: name, in: places.active, as: format)
  }

  /// Returns a refused file to `spool/`, to be refused again with all that is to be said about it.
  /// - Returns: the name it waits under; `nil` when it is gone.
  public func giveBack(_ file: FileName, as name: FileName) throws(Failure) -> FileName? {
    guard case .changed(let name) = try putBack(file, as: name) else { return nil }
    return name
  }

  /// Removes dot files of ours that a crash left behind: in `active/`, where only runners write, those that nobody has
  /// locked; in `spool/`, where who submits many files at once keeps none of them open, what is older than `age` by the file
  /// system's clock.
  /// - Returns: how many were removed.
  public func sweepTemporaries(olderThan age: Duration = .seconds(3600)) throws(Failure) -> Int {
    var removed = 0
    try places.active.visitTemporaries { (name, _) throws(Failure) in
      if name.withCString({ clinux_remove_unlocked(places.active.descriptor.number, $0) }) != 0 { removed += 1 }
    }
    guard let now = places.active.fileSystemNow() else { return removed }
    try places.spool.visitTemporaries { (name, status) throws(Failure) in
      guard (now - status.identity.changedNanoseconds) / 1000 > age.microseconds else { return }
      if try places.spool.remove(name) { removed += 1 }
    }
    return removed
  }
}

extension Directory {
  fileprivate func visitTemporaries(_ body: (FileName, FileStatus) throws(Failure) -> Void) throws(Failure) {
    try visit { (name, _) throws(Failure) in
      if name.starts(with: TemporaryFile.prefix), name.ends(with: TemporaryFile.suffix),
        let status = try self.status(of: name),
        status.kind == .regular
      {
        try body(name, status)
      }
      return .goOn
    }
  }
}
